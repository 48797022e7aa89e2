// swift-tools-version: 6.2
import PackageDescription

let swift: [SwiftSetting] = [
  .treatAllWarnings(as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  // What is tested checks that accesses do not overlap; a request would pay for five such checks.
  .unsafeFlags(["-enforce-exclusivity=unchecked"], .when(configuration: .release)),
]
let c: [CSetting] = [.treatAllWarnings(as: .error), .define("_GNU_SOURCE")]

let deque = Target.Dependency.product(name: "DequeModule", package: "swift-collections")
let logging = Target.Dependency.product(name: "Logging", package: "swift-log")
let arguments = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")

let package = Package(
  name: "procession",
  products: [.executable(name: "procession", targets: ["procession"])],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-collections", from: "1.6.0"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
  ],
  targets: [
    .systemLibrary(name: "CMicroHTTPD", pkgConfig: "libmicrohttpd", providers: [.apt(["libmicrohttpd-dev"])]),
    .systemLibrary(name: "CJansson", pkgConfig: "jansson", providers: [.apt(["libjansson-dev"])]),
    .systemLibrary(name: "CGnuTLS", pkgConfig: "gnutls", providers: [.apt(["libgnutls28-dev"])]),
    .target(name: "CMicroHTTPDHooks", dependencies: ["CMicroHTTPD"], cSettings: c),
    .target(name: "CLinux", cSettings: c),
    .target(name: "CEmbedded", exclude: ["PROTOCOL.md", "worker.py"], cSettings: c),
    .target(name: "Linux", dependencies: ["CLinux"], swiftSettings: swift),
    .target(name: "ProcessCore", dependencies: ["CLinux", "Linux", deque], swiftSettings: swift),
    .target(name: "JSONCodec", dependencies: ["CJansson", "Linux"], swiftSettings: swift),
    .target(
      name: "HTTP",
      dependencies: ["CMicroHTTPD", "CMicroHTTPDHooks", "CGnuTLS", "CLinux", "Linux", "JSONCodec", deque, logging],
      swiftSettings: swift),
    .target(
      name: "ProcessAPI", dependencies: ["CEmbedded", "Linux", "ProcessCore", "JSONCodec", "HTTP", logging],
      swiftSettings: swift),
    .executableTarget(
      name: "procession",
      dependencies: ["CLinux", "Linux", "ProcessCore", "HTTP", "ProcessAPI", "JSONCodec", arguments, logging],
      swiftSettings: swift),

    .executableTarget(
      name: "CoreBench", dependencies: ["ProcessCore", "Linux"], path: "Tests/Bench/CoreBench", swiftSettings: swift),
    .executableTarget(
      name: "MemoryProbe", dependencies: ["ProcessCore", "Linux"], path: "Tests/Programs/MemoryProbe",
      swiftSettings: swift),

    .testTarget(name: "LinuxTests", dependencies: ["Linux"], swiftSettings: swift),
    .testTarget(
      name: "ProcessCoreTests", dependencies: ["ProcessCore", "Linux", "CLinux", "MemoryProbe"], swiftSettings: swift),
    .testTarget(name: "JSONCodecTests", dependencies: ["JSONCodec", "Linux"], swiftSettings: swift),
    .testTarget(
      name: "HTTPTests", dependencies: ["HTTP", "CMicroHTTPDHooks", "JSONCodec", "Linux", "CLinux", logging],
      swiftSettings: swift),
    .testTarget(
      name: "ProcessAPITests", dependencies: ["ProcessAPI", "ProcessCore", "HTTP", "JSONCodec", "Linux"],
      swiftSettings: swift),
    .testTarget(name: "processionTests", dependencies: ["procession", "Linux", "CLinux"], swiftSettings: swift),
  ]
)
