#!/bin/sh
# wheel.sh FOLDER: builds a wheel for macOS 14 and later on arm64, of the Python on the path, which needs the packages
# of the extras `dev` and `macos-cross`. Run it in the repository.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
ZIG=$(python -c 'import pathlib, ziglang; print(pathlib.Path(ziglang.__file__).with_name("zig"))')
SETUPTOOLS_EXT_SUFFIX=$(python -c 'import sys; print(".cpython-%d%d-darwin.so" % sys.version_info[:2])')
export ZIG SETUPTOOLS_EXT_SUFFIX MACOSX_DEPLOYMENT_TARGET=14.0 _PYTHON_HOST_PLATFORM=macosx-14.0-arm64
export CMAKE_TOOLCHAIN_FILE="$here/toolchain.cmake"
python -m pip --disable-pip-version-check --quiet wheel --no-deps --no-build-isolation --wheel-dir "$1" \
  --config-settings=cmake.define.SACCADE_WERROR=ON .
