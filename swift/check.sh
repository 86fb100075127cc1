#!/usr/bin/env bash
# Checks the Swift package without the models: format, warnings as errors, tests, the example, documentation, and the
# code for Apple platforms against our own stubs.
set -euo pipefail
cd "$(dirname "$0")/.."
export SACCADE_MLX_SWIFT=0
scratch=${SWIFT_SCRATCH:-.build}

swift format lint --strict --recursive Package.swift swift/Sources swift/Tests swift/Examples swift/Benchmarks
swift test --scratch-path "$scratch" --disable-swift-testing -Xswiftc -warnings-as-errors

# The example reads a picture of 56 x 56 gray pixels, and an answer about it.
mkdir -p build/swift
{ printf 'P6\n56 56\n255\n'; head -c 9408 /dev/zero | tr '\0' '\177'; } >build/swift/gray.ppm
printed=$("$(swift build --scratch-path "$scratch" -Xswiftc -warnings-as-errors --show-bin-path)/GroundScreenshot" \
  build/swift/gray.ppm '[{"bbox_2d": [10, 20, 30, 40]}]')
grep -q '56x56 as 56x56: 4 tokens, 9408 bytes of patches' <<<"$printed"
grep -q 'click 20.0 30.0' <<<"$printed"

if [ "$(uname)" = Linux ]; then swift/check-apple.sh; fi

# Every symbol that the documentation names exists.
docc=$(command -v docc || echo "$(dirname "$(readlink -f "$(command -v swift)")")/docc")
if [ -x "$docc" ]; then
  rm -rf build/swift/symbols && mkdir -p build/swift/symbols
  swift symbolgraph-extract -module-name Saccade -minimum-access-level public -output-dir build/swift/symbols \
    -target "$(swiftc -print-target-info | sed -n 's/.*"triple": "\(.*\)",/\1/p' | head -1)" \
    -I "$(swift build --scratch-path "$scratch" --show-bin-path)/Modules" \
    -Xcc -fmodule-map-file=swift/Stubs/module.modulemap
  "$docc" convert swift/Sources/Saccade/Saccade.docc --additional-symbol-graph-dir build/swift/symbols \
    --fallback-display-name Saccade --fallback-bundle-identifier saccade --warnings-as-errors --output-path build/swift/docs
fi
