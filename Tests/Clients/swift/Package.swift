// swift-tools-version: 6.2
import PackageDescription

let package = Package(
  name: "Scenario",
  dependencies: [.package(path: "../../../.build-clients/Procession")],
  targets: [
    .executableTarget(name: "Scenario", dependencies: [.product(name: "Procession", package: "Procession")])
  ])
