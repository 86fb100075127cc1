// Rebases, bindings and exports: the opcodes by which dyld completes an image.
#include <dlfcn.h>
#include <sys/mman.h>

#include <cstdlib>
#include <cstring>

#include "macho.h"

namespace macho {
namespace {

std::uint64_t uleb(const std::uint8_t*& at) {
    std::uint64_t value = 0;
    for (int shift = 0;; shift += 7) {
        value |= static_cast<std::uint64_t>(*at & 0x7f) << shift;
        if ((*at++ & 0x80) == 0) return value;
    }
}

std::int64_t sleb(const std::uint8_t*& at) {
    std::int64_t value = 0;
    for (int shift = 0;;) {
        const std::uint8_t byte = *at++;
        value |= static_cast<std::int64_t>(byte & 0x7f) << shift;
        shift += 7;
        if ((byte & 0x80) == 0) return byte & 0x40 ? value | -(std::int64_t{1} << shift) : value;
    }
}

/// Runs in place of a function that has no stand-in.
[[noreturn]] void report_missing(const char* name) { fail(std::string("called without a stand-in: ") + name); }

/// Returns code that calls report_missing with the name.
void* trap(const std::string& name) {
    static std::uint8_t* next = nullptr;
    static std::size_t left = 0;
    constexpr std::size_t kSize = 32;
    if (left < kSize) {
        left = 1 << 16;
        next = static_cast<std::uint8_t*>(
            mmap(nullptr, left, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    }
    const std::uint32_t code[] = {0x58000080, 0x580000b0, 0xd61f0200, 0xd503201f};  // ldr x0, +16; ldr x16, +20; br x16
    const char* const name_for_ever = (new std::string(name))->c_str();
    void (*const target)(const char*) = report_missing;
    std::memcpy(next, code, 16);
    std::memcpy(next + 16, &name_for_ever, 8);
    std::memcpy(next + 24, &target, 8);
    __builtin___clear_cache(reinterpret_cast<char*>(next), reinterpret_cast<char*>(next) + kSize);
    void* const function = next;
    next += kSize, left -= kSize;
    return function;
}

void* resolve(const std::string& name, const Image& self) {
    if (void* const address = exported(name, &self)) return address;
    if (void* const address = stand_in(name.c_str() + 1)) return address;
    if (void* const address = dlsym(RTLD_DEFAULT, name.c_str() + 1)) return address;
    if (std::getenv("MACHO_VERBOSE") != nullptr) std::fprintf(stderr, "macho: no stand-in for %s\n", name.c_str());
    return trap(name);
}

void read_node(Image& image, const std::uint8_t* trie, const std::uint8_t* node, const std::string& prefix) {
    const std::uint8_t* children = node;
    if (const std::uint64_t size = uleb(children); size != 0) {
        const std::uint8_t* terminal = children;
        const std::uint64_t flags = uleb(terminal);
        if ((flags & 8) == 0) image.exports[prefix] = image.header + uleb(terminal);
        children += size;
    }
    for (int count = *children++; count > 0; --count) {
        const std::string edge(reinterpret_cast<const char*>(children));
        children += edge.size() + 1;
        const std::uint64_t offset = uleb(children);
        read_node(image, trie, trie + offset, prefix + edge);
    }
}

}  // namespace

void read_exports(Image& image, const std::uint8_t* trie) { read_node(image, trie, trie, ""); }

void rebase(const Image& image, const std::uint8_t* at, std::size_t size) {
    const std::uint8_t* const end = at + size;
    std::uint8_t* place = nullptr;
    const auto once = [&] {
        std::uint64_t value;
        std::memcpy(&value, place, 8);
        value += static_cast<std::uint64_t>(image.slide);
        std::memcpy(place, &value, 8);
        place += 8;
    };
    while (at < end) {
        const int op = *at & 0xf0, immediate = *at & 0x0f;
        ++at;
        std::uint64_t count = 1, skip = 0;
        switch (op) {
            case 0x00:
                return;
            case 0x10:
                continue;
            case 0x20:
                place = image.at(image.segments[immediate].address) + uleb(at);
                continue;
            case 0x30:
                place += uleb(at);
                continue;
            case 0x40:
                place += immediate * 8;
                continue;
            case 0x50:
                count = static_cast<std::uint64_t>(immediate);
                break;
            case 0x60:
                count = uleb(at);
                break;
            case 0x70:
                skip = uleb(at);
                break;
            case 0x80:
                count = uleb(at), skip = uleb(at);
                break;
            default:
                fail("rebase opcode");
        }
        for (; count > 0; --count) once(), place += skip;
    }
}

void bind(const Image& image, const std::uint8_t* at, std::size_t size, Binding binding) {
    const std::uint8_t* const end = at + size;
    std::string name;
    std::int64_t addend = 0;
    std::uint8_t* place = nullptr;
    const auto once = [&] {
        // A weak name has one definition for all images: the first one loaded.
        void* const address = binding == Binding::kWeak ? exported(name, nullptr) : resolve(name, image);
        const std::uint64_t value = reinterpret_cast<std::uint64_t>(address) + addend;
        if (address != nullptr) std::memcpy(place, &value, 8);
        place += 8;
    };
    while (at < end) {
        const int op = *at & 0xf0, immediate = *at & 0x0f;
        ++at;
        switch (op) {
            case 0x00:
                if (binding != Binding::kLazy) return;
                break;
            case 0x10:
            case 0x30:
            case 0x50:
                break;  // library, which does not matter here; type, always a pointer
            case 0x20:
                uleb(at);
                break;
            case 0x40:
                name = reinterpret_cast<const char*>(at);
                at += name.size() + 1;
                break;
            case 0x60:
                addend = sleb(at);
                break;
            case 0x70:
                place = image.at(image.segments[immediate].address) + uleb(at);
                break;
            case 0x80:
                place += uleb(at);
                break;
            case 0x90:
                once();
                break;
            case 0xa0:
                once();
                place += uleb(at);
                break;
            case 0xb0:
                once();
                place += immediate * 8;
                break;
            case 0xc0: {
                std::uint64_t count = uleb(at);
                const std::uint64_t skip = uleb(at);
                for (; count > 0; --count) once(), place += skip;
                break;
            }
            default:
                fail("bind opcode");
        }
    }
}

}  // namespace macho
