#include "macho.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>

namespace macho {
namespace {

std::deque<Image> images;

const std::uint8_t* map_file(const char* path) {
    const int file = open(path, O_RDONLY);
    struct stat info;
    if (file < 0 || fstat(file, &info) != 0) fail(std::string("cannot read ") + path);
    void* const bytes = mmap(nullptr, info.st_size, PROT_READ, MAP_PRIVATE, file, 0);
    close(file);
    if (bytes == MAP_FAILED) fail(std::string("cannot map ") + path);
    return static_cast<const std::uint8_t*>(bytes);
}

/// Reads the load commands into the image; returns where the fixups are, null if there are none.
const DyldInfo* read_commands(Image& image, const std::uint8_t* bytes) {
    const auto& header = *reinterpret_cast<const Header*>(bytes);
    if (header.magic != kMagic || header.cpu != kArm64) fail("no arm64 Mach-O: " + image.path);
    const DyldInfo* dyld = nullptr;
    const std::uint8_t* at = bytes + sizeof header;
    for (std::uint32_t i = 0; i < header.commands; ++i) {
        const auto& command = *reinterpret_cast<const Command*>(at);
        if (command.kind == kSegment) {
            const auto& segment = *reinterpret_cast<const Segment*>(at);
            image.segments.push_back(segment);
            const auto* const sections = reinterpret_cast<const Section*>(at + sizeof segment);
            image.sections.insert(image.sections.end(), sections, sections + segment.sections);
        }
        if (command.kind == kDyldInfo) dyld = reinterpret_cast<const DyldInfo*>(at);
        if (command.kind == kMain) image.entry = reinterpret_cast<const Main*>(at)->entry;
        if (command.kind == kFixupChains) fail("chained fixups, which this loader does not read");
        at += command.size;
    }
    return dyld;
}

bool is_mapped(const Segment& segment) { return segment.protection != 0 && segment.size != 0; }  // not __PAGEZERO

/// Reserves memory for the image and copies its segments there, writable.
void copy_segments(Image& image, const std::uint8_t* bytes) {
    std::uint64_t lowest = ~std::uint64_t{0}, highest = 0;
    for (const Segment& segment : image.segments) {
        if (!is_mapped(segment)) continue;
        lowest = std::min(lowest, segment.address);
        highest = std::max(highest, segment.address + segment.size);
    }
    constexpr std::uint64_t kPage = 1 << 14;
    void* const room = mmap(nullptr, highest - lowest + kPage, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (room == MAP_FAILED) fail("no memory for " + image.path);
    const auto first = (reinterpret_cast<std::uint64_t>(room) + kPage - 1) / kPage * kPage;
    image.slide = static_cast<std::intptr_t>(first - lowest);
    image.header = reinterpret_cast<std::uint8_t*>(first);
    for (const Segment& segment : image.segments) {
        if (!is_mapped(segment)) continue;
        if (mprotect(image.at(segment.address), segment.size, PROT_READ | PROT_WRITE) != 0) fail("mprotect");
        std::memcpy(image.at(segment.address), bytes + segment.offset, segment.file_size);
    }
}

void protect_segments(const Image& image) {
    for (const Segment& segment : image.segments) {
        if (!is_mapped(segment)) continue;
        auto* const first = reinterpret_cast<char*>(image.at(segment.address));
        const bool is_code = (segment.protection & 4) != 0;
        if (mprotect(first, segment.size, is_code ? PROT_READ | PROT_EXEC : PROT_READ | PROT_WRITE) != 0)
            fail("mprotect");
        if (is_code) __builtin___clear_cache(first, first + segment.size);
    }
}

void run_initialisers(const Image& image) {
    static char name[] = "macho";
    char* arguments[] = {name, nullptr};
    char* none[] = {nullptr};
    for (const Section& section : image.sections) {
        if (section.kind() == kInitialiserOffsets) fail("initialiser offsets, which this loader does not read");
        if (section.kind() != kInitialisers) continue;
        auto** const functions = reinterpret_cast<void (**)(int, char**, char**, char**)>(image.at(section.address));
        for (std::uint64_t i = 0; i < section.size / 8; ++i) functions[i](1, arguments, environ, none);
    }
}

}  // namespace

void fail(const std::string& message) {
    std::fprintf(stderr, "macho: %s\n", message.c_str());
    std::_Exit(99);
}

const Image* image_of(const void* address) {
    for (const Image& image : images) {
        for (const Segment& segment : image.segments) {
            const std::uint8_t* const first = image.at(segment.address);
            if (std::strcmp(segment.name, "__TEXT") == 0 && address >= first && address < first + segment.size)
                return &image;
        }
    }
    return nullptr;
}

void* exported(const std::string& name, const Image* self) {
    for (const Image& image : images) {
        const auto entry = image.exports.find(name);
        if (&image != self && entry != image.exports.end()) return entry->second;
    }
    return nullptr;
}

const Image& load(const char* path) {
    const std::uint8_t* const bytes = map_file(path);
    Image& image = images.emplace_back();
    image.path = path;
    const DyldInfo* const dyld = read_commands(image, bytes);
    copy_segments(image, bytes);
    if (dyld != nullptr) {
        if (dyld->exports_size != 0) read_exports(image, bytes + dyld->exports);
        rebase(image, bytes + dyld->rebase, dyld->rebase_size);
        bind(image, bytes + dyld->bind, dyld->bind_size, Binding::kNormal);
        bind(image, bytes + dyld->lazy, dyld->lazy_size, Binding::kLazy);
        bind(image, bytes + dyld->weak, dyld->weak_size, Binding::kWeak);
    }
    prepare_thread_variables(image);
    protect_segments(image);
    run_initialisers(image);
    return image;
}

}  // namespace macho
