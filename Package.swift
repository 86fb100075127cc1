// swift-tools-version:6.1
// A Swift module over the C++ sources that CMake builds for Python, and the models on MLX. No unsafe flags:
// cpp/src/exact_float.h forbids fused multiply-add in the sources.
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
        .executableTarget(
            name: "GroundScreenshot", dependencies: ["Saccade"], path: "swift/Examples/GroundScreenshot"),
        .executableTarget(name: "saccade-benchmark", dependencies: ["Saccade"], path: "swift/Benchmarks"),
    ],
    cxxLanguageStandard: .cxx20
)

// The models need mlx-swift. They are built where the host is a Mac, or where SACCADE_MLX_SWIFT names a checkout of it;
// SACCADE_MLX_SWIFT=0 leaves them out. Whoever needs the core alone asks for `traits: []`: mlx-swift is not cloned then.
let checkout = Context.environment["SACCADE_MLX_SWIFT"].flatMap { $0.isEmpty ? nil : $0 }
#if os(macOS)
    let hostIsMac = true
#else
    let hostIsMac = false
#endif

if checkout != "0" && (checkout != nil || hostIsMac) {
    let mlx: Target.Dependency
    if let checkout {
        package.dependencies.append(.package(path: checkout))
        let identity = String(checkout.split(separator: "/").last ?? "mlx-swift")
        mlx = .product(name: "MLX", package: identity, condition: .when(traits: ["MLX"]))
    } else {
        package.dependencies.append(
            .package(url: "https://github.com/ml-explore/mlx-swift", "0.31.4"..<"0.33.0"))
        mlx = .product(name: "MLX", package: "mlx-swift", condition: .when(traits: ["MLX"]))
    }
    package.traits = [
        .trait(name: "MLX", description: "The models, on mlx-swift."), .default(enabledTraits: ["MLX"]),
    ]
    package.products += [
        .library(name: "SaccadeMLX", targets: ["SaccadeMLX"]),
        .executable(name: "saccade-locate", targets: ["SaccadeLocate"]),
    ]
    package.targets += [
        .target(name: "SaccadeMLX", dependencies: ["Saccade", mlx], path: "swift/Sources/SaccadeMLX"),
        .executableTarget(
            name: "SaccadeLocate", dependencies: ["Saccade", "SaccadeMLX"], path: "swift/Sources/SaccadeLocate"),
        .testTarget(
            name: "SaccadeMLXTests", dependencies: ["SaccadeMLX"], path: "swift/Tests/SaccadeMLXTests"),
        .testTarget(
            name: "SaccadeLocateTests", dependencies: ["SaccadeLocate"], path: "swift/Tests/SaccadeLocateTests"),
    ]
    // The processor for mlx-swift-lm, for those who ask for the trait MLXLM.
    if hostIsMac && checkout == nil {
        package.traits.insert(
            .trait(name: "MLXLM", description: "The processor for mlx-swift-lm.", enabledTraits: ["MLX"]))
        package.dependencies.append(
            .package(url: "https://github.com/ml-explore/mlx-swift-lm", "3.31.3"..<"4.0.0"))
        package.products.append(.library(name: "SaccadeMLXLM", targets: ["SaccadeMLXLM"]))
        let modules = ["MLXLMCommon", "MLXVLM"].map { name -> Target.Dependency in
            .product(name: name, package: "mlx-swift-lm", condition: .when(traits: ["MLXLM"]))
        }
        package.targets.append(
            .target(
                name: "SaccadeMLXLM", dependencies: ["Saccade", mlx] + modules, path: "swift/Sources/SaccadeMLXLM"))
    }
} else {
    package.traits = [.trait(name: "MLX", description: "The models, on mlx-swift.")]
}
