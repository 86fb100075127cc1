// swift-tools-version:6.1
// A Swift module over the C++ sources that CMake builds for Python. No unsafe flags: cpp/src/exact_float.h forbids fused
// multiply-add in the sources.
import PackageDescription

let package = Package(
    name: "Saccade",
    platforms: [.macOS(.v14), .iOS(.v17)],
    products: [
        .library(name: "Saccade", targets: ["Saccade"])
    ],
    targets: [
        .target(name: "CSaccade", path: "cpp", sources: ["src"], publicHeadersPath: "include"),
        .target(name: "Saccade", dependencies: ["CSaccade"], path: "swift/Sources/Saccade"),
        .testTarget(name: "SaccadeTests", dependencies: ["Saccade"], path: "swift/Tests/SaccadeTests"),
    ],
    cxxLanguageStandard: .cxx20
)
