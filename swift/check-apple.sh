#!/usr/bin/env bash
# Type-checks the code for Apple platforms against our own stubs (swift/Stubs). It is not compiled for macOS here.
set -euo pipefail
cd "$(dirname "$0")/.."
out=build/swift/stubs
mkdir -p "$out"
module() { # NAME SOURCES...: compile a module without code
  swiftc -emit-module -parse-as-library -swift-version 6 -module-name "$1" -I "$out" \
    -Xcc -fmodule-map-file=swift/Stubs/module.modulemap -emit-module-path "$out/$1.swiftmodule" "${@:2}"
}
for name in CoreGraphics ImageIO CoreVideo CoreMedia ScreenCaptureKit; do module $name swift/Stubs/$name.swift; done
mapfile -t sources < <(find swift/Sources/Saccade -name '*.swift')
module Saccade -warnings-as-errors "${sources[@]}"
swiftc -typecheck -swift-version 6 -I "$out" -Xcc -fmodule-map-file=swift/Stubs/module.modulemap -warnings-as-errors \
  swift/Examples/ScreenCapture/Sources/screen-capture/main.swift

# The parts of the models that are for Apple platforms alone. The rest is compiled on Linux against mlx-swift.
for name in CoreImage Metal MLX MLXLMCommon MLXVLM; do module $name swift/Stubs/$name.swift; done
check() { # SOURCES...
  swiftc -typecheck -swift-version 6 -I "$out" -Xcc -fmodule-map-file=swift/Stubs/module.modulemap \
    -warnings-as-errors "$@"
}
models=swift/Sources/SaccadeMLX
check $models/ModelError.swift $models/Network/{Backend,Kernels,Activations}.swift
check -D MLXLM swift/Sources/SaccadeMLXLM/*.swift
module SaccadeMLX $models/ModelError.swift
check swift/Sources/SaccadeLocate/{ImageFile,PortablePixmap}.swift
echo "type-checked against our own stubs: swift/Sources/Saccade/Apple, swift/Examples/ScreenCapture," \
  "the kernels of SaccadeMLX, SaccadeMLXLM, the images of saccade-locate"
