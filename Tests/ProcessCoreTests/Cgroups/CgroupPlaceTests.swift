import Testing

@testable import ProcessCore

/// Where the kernel says that we are, in what it has mounted.
@Suite struct CgroupPlaceTests {
  @Test func withVersion2ThereIsOneFolder() {
    let place = CgroupPlace(
      cgroup: "0::/system.slice/x.service\n",
      mountinfo: """
        23 1 0:21 / /proc rw - proc proc rw
        30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate
        """)
    #expect(place == CgroupPlace(.v2, unified: "/sys/fs/cgroup/system.slice/x.service"))
  }

  @Test func withVersion1EachControllerHasItsOwn() {
    let place = CgroupPlace(
      cgroup: "4:memory:/a/b\n3:cpu,cpuacct:/\n2:name=systemd:/a\n",
      mountinfo: """
        32 31 0:29 / /cg/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
        35 31 0:32 / /cg/memory rw - cgroup cgroup rw,memory
        """)
    #expect(
      place
        == CgroupPlace(
          .v1, legacy: ["cpu": "/cg/cpu,cpuacct", "cpuacct": "/cg/cpu,cpuacct", "memory": "/cg/memory/a/b"]))
  }

  @Test func bothMayBeThere() {
    let place = CgroupPlace(
      cgroup: "8:pids:/\n0::/\n",
      mountinfo: "39 31 0:36 / /cg/pids rw - cgroup cgroup rw,pids\n41 31 0:38 / /cg/unified rw - cgroup2 cgroup2 rw\n")
    #expect(place == CgroupPlace(.hybrid, unified: "/cg/unified", legacy: ["pids": "/cg/pids"]))
  }

  /// As in a container that has the host's namespace of cgroups.
  @Test func aMountMayShowOurPartAlone() {
    let place = CgroupPlace(
      cgroup: "0::/docker/0a/b\n",
      mountinfo: #"30 23 0:26 /docker/0a /my\040cgroups rw - cgroup2 cgroup2 rw"#)
    #expect(place == CgroupPlace(.v2, unified: "/my cgroups/b"))
  }

  @Test(arguments: ["/docker/0b", "/docker/0ab", "/"])
  func whatAMountDoesNotShowIsOutOfReach(path: String) {
    let place = CgroupPlace(
      cgroup: "0::\(path)\n", mountinfo: "30 23 0:26 /docker/0a /sys/fs/cgroup rw - cgroup2 cgroup2 rw")
    #expect(place == CgroupPlace(.v2))
  }

  @Test func aCgroupOutsideOfOurNamespaceIsOutOfReach() {
    let place = CgroupPlace(cgroup: "0::/../x\n", mountinfo: "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw")
    #expect(place == CgroupPlace(.v2))
  }

  @Test func thereMayBeNone() {
    #expect(CgroupPlace(cgroup: "", mountinfo: "") == CgroupPlace(nil))
    #expect(CgroupPlace(cgroup: "x\n", mountinfo: "30 23 0:26 / - cgroup2\n-\n") == CgroupPlace(nil))
  }
}

extension CgroupPlace {
  init(_ version: CgroupVersion?, unified: String? = nil, legacy: [String: String] = [:]) {
    self.init(cgroup: "", mountinfo: "")
    (self.version, self.unified, self.legacy) = (version, unified, legacy)
  }
}
