#!/bin/sh
# check.sh BUILD DIGESTS: compiles everything for macOS on arm64 and the library for macOS on x86-64, makes a wheel and
# inspects it, and runs the C and C++ tests in an emulator. DIGESTS: this machine's test_digests, to be equal.
# Run it in the repository, with the `dev` and `macos-cross` extras on the path, g++-aarch64-linux-gnu and qemu-user.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
build=$1
mkdir -p "$build"
zig=$(python -c 'import pathlib, ziglang; print(pathlib.Path(ziglang.__file__).parent)')
export ZIG="$zig/zig" MACOSX_DEPLOYMENT_TARGET=14.0

compile() { # CPU OPTIONS...
  cpu=$1
  shift
  MACOS_CPU=$cpu cmake -S . -B "$build/$cpu" -G Ninja -DCMAKE_TOOLCHAIN_FILE="$here/toolchain.cmake" \
    -DCMAKE_BUILD_TYPE=Release -DSACCADE_WERROR=ON "$@" >/dev/null
  cmake --build "$build/$cpu"
}
compile arm64 -DSACCADE_TESTS=ON
compile x86_64

rm -rf "$build/wheel"
sh "$here/wheel.sh" "$build/wheel"
python "$here/inspect_macho.py" --wheel "$build"/wheel/*-macosx_14_0_arm64.whl "$zig/lib/libc/darwin/libSystem.tbd"
python "$here/inspect_macho.py" "$build/arm64/cpp/tests/test_kernels" "$zig/lib/libc/darwin/libSystem.tbd"

# Exceptions need an unwinder that reads macOS's tables: zig's own, compiled for macOS.
unwind=$zig/lib/libunwind
"$ZIG" c++ -target aarch64-macos.$MACOSX_DEPLOYMENT_TARGET -O2 -w -dynamiclib -fno-exceptions -fno-rtti -nostdinc++ \
  -I "$unwind/include" -I "$unwind/src" -D_LIBUNWIND_IS_NATIVE_ONLY -o "$build/libunwind.dylib" \
  "$unwind/src/libunwind.cpp" "$unwind/src/UnwindLevel1.c" "$unwind/src/UnwindLevel1-gcc-ext.c" \
  "$unwind/src/UnwindRegistersRestore.S" "$unwind/src/UnwindRegistersSave.S"
aarch64-linux-gnu-g++ -std=c++20 -O1 -Wall -Wextra -Werror -fno-exceptions -o "$build/run_macho" \
  "$here/run_macho.cpp" "$here/macho.cpp" "$here/macho_fixups.cpp" "$here/thread_variables.cpp" "$here/libsystem.cpp"

emulate() { # PROGRAM ARGUMENTS...
  echo "$*" >&2
  program=$1
  shift
  qemu-aarch64 -L /usr/aarch64-linux-gnu -cpu max "$build/run_macho" "$build/libunwind.dylib" \
    "$build/arm64/cpp/tests/$program" "$@"
}
emulate test_abi
emulate test_geometry tests/golden/smart_resize.json
emulate test_plan tests/golden/plans.json
for test in test_mrope test_cpus test_environment test_layout; do emulate $test; done
emulate test_kernels neon neon-dotprod neon-i8mm
for kernel in scalar neon neon-dotprod neon-i8mm; do SACCADE_KERNEL=$kernel emulate test_resample $kernel; done
MACHO_LACKS=FEAT_I8MM emulate test_resample neon-dotprod # an M1
SACCADE_THREADS=4 emulate test_threads --without-fork
emulate test_digests >"$build/digests.txt"
"$2" | diff - "$build/digests.txt"
echo "the digests of the macOS build are those of this machine"
