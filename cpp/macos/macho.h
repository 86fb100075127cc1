// Loads arm64 Mach-O images into an AArch64 Linux process, for tests: code compiled for macOS then runs, its calls to
// libSystem answered by glibc.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "macho_format.h"

namespace macho {

struct Image {
    std::string path;
    std::intptr_t slide = 0;  // from addresses in the file to those in this process
    std::uint8_t* header = nullptr;
    std::uint64_t entry = 0;  // offset of main from the header; 0 in a library
    std::vector<Segment> segments;
    std::vector<Section> sections;
    std::map<std::string, void*> exports;

    std::uint8_t* at(std::uint64_t address) const { return reinterpret_cast<std::uint8_t*>(address + slide); }
};

/// Maps an image, binds it to those loaded before and to libSystem's stand-ins, and runs its initialisers. Prints and
/// exits if it cannot.
const Image& load(const char* path);

/// The image that holds an address in its code; null if none does.
const Image* image_of(const void* address);

/// The address of a name that an image other than `self` exports, with C's underscore; null if none does.
void* exported(const std::string& name, const Image* self);

/// libSystem's stand-in for a name, without the underscore; null if there is none.
void* stand_in(const char* name);

/// Reads the names that an image exports from its trie.
void read_exports(Image& image, const std::uint8_t* trie);

/// Adds the slide to the pointers of an image, by the opcodes of its file.
void rebase(const Image& image, const std::uint8_t* opcodes, std::size_t size);

/// Writes the addresses of names into an image, by the opcodes of its file.
enum class Binding { kNormal, kLazy, kWeak };
void bind(const Image& image, const std::uint8_t* opcodes, std::size_t size, Binding binding);

/// Points the descriptors of an image's thread variables to this loader's function.
void prepare_thread_variables(const Image& image);

[[noreturn]] void fail(const std::string& message);

}  // namespace macho
