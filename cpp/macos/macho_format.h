// Layouts and numbers of the Mach-O format, as Apple's <mach-o/loader.h> describes them.
#pragma once

#include <cstdint>

namespace macho {

struct Header {
    std::uint32_t magic, cpu, subtype, type, commands, commands_size, flags, reserved;
};
struct Command {
    std::uint32_t kind, size;
};
struct Segment {
    Command command;
    char name[16];
    std::uint64_t address, size, offset, file_size;
    std::int32_t most_protection, protection;
    std::uint32_t sections, flags;
};
struct Section {
    char name[16], segment[16];
    std::uint64_t address, size;
    std::uint32_t offset, align, reloc_offset, relocs, flags, reserved[3];

    std::uint32_t kind() const { return flags & 0xff; }
};
struct DyldInfo {
    Command command;
    std::uint32_t rebase, rebase_size, bind, bind_size, weak, weak_size, lazy, lazy_size, exports, exports_size;
};
struct Main {
    Command command;
    std::uint64_t entry, stack;
};
enum : std::uint32_t {
    kMagic = 0xfeedfacf,
    kArm64 = 0x0100000c,
    kSegment = 0x19,
    kDyldInfo = 0x80000022,
    kMain = 0x80000028,
    kFixupChains = 0x80000034,
    kInitialisers = 9,
    kThreadData = 0x11,
    kThreadZeros = 0x12,
    kThreadVariables = 0x13,
    kInitialiserOffsets = 0x16,
};

}  // namespace macho
