#!/bin/sh
# zig.sh ZIG cc|c++ ...: leaves out what zig does not take. nanobind and Python give Apple's linker a response file with
# the names of Python's C API. zig's linker crashes on a bundle, which CMake makes of a module; dlopen takes a dynamic
# library too. With -x zig leaves part of the table of indirect symbols unwritten.
for argument; do
  shift
  case $argument in
    -Wl,@*darwin-ld-*.sym) set -- "$@" -Wl,-undefined,dynamic_lookup ;;
    -bundle) set -- "$@" -dynamiclib ;;
    -Wl,-x) ;;
    *) set -- "$@" "$argument" ;;
  esac
done
exec "$@"
