"""Inspect a Mach-O file for what macOS requires of it: CPU, least system, names that it needs, signature.

    python inspect_macho.py [--wheel] FILE STUB [--deployment 14.0]

FILE: a program or library, or with --wheel a wheel with one extension. STUB: libSystem's names, in the ziglang package
lib/libc/darwin/libSystem.tbd. Prints a summary; prints each fault and exits with 1 if there are any.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import struct
import sys
import zipfile
from pathlib import Path

import lief

lief.logging.disable()

ADHOC = 2
SUPER_BLOB, CODE_DIRECTORY = 0xFADE0CC0, 0xFADE0C02


def signature_faults(data: bytes, offset: int) -> list[str]:
    """Compare the page hashes of the code directory with the file, as the kernel does page by page."""
    magic, _, count = struct.unpack_from(">III", data, offset)
    if magic != SUPER_BLOB:
        return ["the signature is no super blob"]
    index = dict(struct.iter_unpack(">II", data[offset + 12 : offset + 12 + 8 * count]))
    if 0 not in index:
        return ["the signature has no code directory"]
    base = offset + index[0]
    magic, _, _, flags, hashes, _, _, slots, limit, size, kind, _, page = struct.unpack_from(">9I4B", data, base)
    faults = [] if (magic, kind, size) == (CODE_DIRECTORY, 2, 32) else ["the code directory is no SHA-256 one"]
    if not flags & ADHOC:
        faults.append("the signature is not ad hoc")
    if limit != offset:
        faults.append(f"the signature covers {limit} bytes, and begins at {offset}")
    if slots != -(-limit >> page):
        faults.append(f"{slots} pages of {1 << page} bytes are signed, of {limit} bytes")
    wrong = 0
    for slot in range(slots):
        piece = data[slot << page : min((slot + 1) << page, limit)]
        wrong += hashlib.sha256(piece).digest() != data[base + hashes + 32 * slot : base + hashes + 32 * (slot + 1)]
    return [*faults, f"{wrong} of {slots} pages are not what was signed"] if wrong else faults


def undefined_names(binary: lief.MachO.Binary) -> set[str]:
    """Return the external names that a file does not define (n_type: N_EXT, N_UNDF, no debugging entry)."""
    return {
        str(symbol.name)
        for symbol in binary.symbols
        if symbol.raw_type & 0xE0 == 0 and symbol.raw_type & 0x0E == 0 and symbol.raw_type & 1 and symbol.name
    }


def inspect(data: bytes, stub: str, deployment: str) -> tuple[str, list[str]]:
    """Return a summary and the faults."""
    fat = lief.MachO.parse(list(data))
    if fat is None:
        return "no Mach-O file", ["no Mach-O file"]
    binary = fat.at(0)
    faults = []
    if binary.header.cpu_type != lief.MachO.Header.CPU_TYPE.ARM64:
        faults.append(f"the CPU is {binary.header.cpu_type}")
    least = ".".join(map(str, binary.build_version.minos[:2]))
    if least != deployment:
        faults.append(f"the least macOS is {least}")
    own = {command.name for command in binary.commands if command.command == lief.MachO.LoadCommand.TYPE.ID_DYLIB}
    faults += [
        f"needs {library.name}"
        for library in binary.libraries
        if library.name not in own and not str(library.name).startswith("/usr/lib/libSystem.")
    ]
    undefined = undefined_names(binary)
    python = {name for name in undefined if re.match(r"__?Py", name)}
    in_system = set(re.findall(r"[\w$.]+", stub))
    faults += [f"{name} is not in libSystem" for name in sorted(undefined - python - in_system)]
    if binary.has_code_signature:
        faults += signature_faults(data, binary.code_signature.data_offset)
    else:
        faults.append("is not signed")
    needs = f"{len(undefined - python)} names of libSystem and {len(python)} of Python"
    return f"{len(data)} bytes, macOS {least}; needs {needs}", faults


def extension_of(wheel: Path) -> tuple[str, bytes]:
    """Return the name and the bytes of the only extension in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if name.endswith((".so", ".dylib"))]
        if len(names) != 1:
            sys.exit(f"{wheel}: expected one extension; got {names}")
        return names[0], archive.read(names[0])


def main() -> int:
    """Inspect the file that the arguments name."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("stub", type=Path)
    parser.add_argument("--wheel", action="store_true")
    parser.add_argument("--deployment", default="14.0")
    options = parser.parse_args()
    name, data = extension_of(options.file) if options.wheel else (options.file.name, options.file.read_bytes())
    summary, faults = inspect(data, options.stub.read_text(), options.deployment)
    print(f"{name}: {summary}")
    for fault in faults:
        print(f"  {fault}", file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main())
