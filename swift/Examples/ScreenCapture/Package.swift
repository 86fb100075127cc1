// swift-tools-version:6.1
import PackageDescription

let package = Package(
    name: "ScreenCapture",
    platforms: [.macOS(.v14)],
    dependencies: [.package(name: "Saccade", path: "../../..")],
    targets: [.executableTarget(name: "screen-capture", dependencies: [.product(name: "Saccade", package: "Saccade")])]
)
