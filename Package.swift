// swift-tools-version:5.9
// The same C++ sources that CMake builds for Python, behind a Swift module. No unsafe flags: what the arithmetic needs of
// the compiler (no fused products and sums) is said in the sources, cpp/src/exact_float.h.
import PackageDescription

let package = Package(
    name: "Saccade",
    platforms: [.macOS(.v13), .iOS(.v16)],
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
