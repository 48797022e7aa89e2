import Glibc
import Linux
import ProcessCore
import Testing

@Suite struct SharedMemoryTests {
  private let folder: SharedFolder

  init() throws { folder = try SharedFolder() }

  @Test func itIsAFileOfOurUserAlone() throws {
    let space = folder.space()
    let (first, second) = (try space.allocate(10_000), try space.allocate(0))
    #expect(first.name != second.name && first.path == "\(folder.path)/\(first.name)")
    #expect(folder.memories == [first.name, second.name])
    var status = stat()
    #expect(lstat(first.path, &status) == 0)
    #expect(status.st_mode == S_IFREG | 0o600 && status.st_uid == geteuid() && status.st_size == 10_000)
    #expect(status.st_blocks * 512 >= 10_000, "its pages are there")
  }

  @Test func itIsGoneWithItsLastHolder() throws {
    let space = folder.space()
    var memory: SharedMemory? = try space.allocate(8)
    #expect(folder.memories.count == 1)
    #expect(memory?.isLinked == true)
    memory = nil
    #expect(folder.memories == [])
  }

  @Test func withoutItsNameItCanStillBeUsed() throws {
    let array = try SharedArray(.int, count: 4, in: folder.space())
    array.memory.unlink()
    array.memory.unlink()
    #expect(folder.memories == [] && !array.memory.isLinked)
    #expect(try array.add(0, .integer(3)).new == .integer(3))
    try array.memory.checkWhole()
    let file = try array.memory.open(writable: false)
    var item: CInt = 0
    #expect(pread(file.raw, &item, 4, 0) == 4 && item == 3)
  }

  @Test func aStrangersFileOfItsNameIsLeftAlone() throws {
    let memory = try folder.space().allocate(8)
    unlink(memory.path)
    try write("not ours", to: memory.path, mode: 0o600)
    #expect(!memory.isLinked)
    memory.unlink()
    #expect(contents(of: memory.path) == "not ours")
  }

  @Test func aDescriptorReadsAndWritesTheSame() throws {
    let memory = try folder.space().allocate(16)
    let writing = try memory.open(writable: true)
    #expect(fcntl(writing.raw, F_GETFD) & FD_CLOEXEC != 0)
    #expect(pwrite(writing.raw, "abcdefgh", 8, 3) == 8)
    var bytes = [UInt8](repeating: 0, count: 6)
    try bytes.withUnsafeMutableBytes { try memory.read(5, into: $0) }
    #expect(bytes == Array("cdefgh".utf8))
    try Array("XY".utf8).withUnsafeBytes { try memory.write(9, from: $0) }
    let reading = try memory.open(writable: false)
    #expect(readAll(reading.raw) == "\0\0\0abcdefXY\0\0\0\0\0")
    #expect(Glibc.write(reading.raw, "x", 1) == -1 && errno == EBADF)
  }

  @Test func thereIsNoMoreThanTheSpaceAllows() throws {
    let page = Int(sysconf(CInt(_SC_PAGESIZE)))
    let space = folder.space(maxBytes: 3 * page)
    let first = try space.allocate(page + 1)
    #expect(kind { _ = try space.allocate(page + 1) } == .quota)
    #expect(kind { _ = try space.allocate(.max) } == .quota)
    var second: SharedMemory? = try space.allocate(1)
    #expect(kind { _ = try space.allocate(1) } == .quota)
    #expect(second?.byteCount == 1)
    second = nil
    _ = try space.allocate(page)
    #expect(folder.memories == [first.name])
  }

  @Test func aFullFileSystemIsAQuota() throws {
    var system = statvfs()
    try #require(statvfs(folder.path, &system) == 0 && system.f_blocks > 0)
    let all = Int(system.f_blocks) * Int(system.f_frsize)
    let space = folder.space(maxBytes: .max)
    #expect(kind { _ = try space.allocate(all + 1) } == .quota)
    #expect(folder.memories == [])
    #expect(try SharedArray(.int, count: 1, in: space).get(0) == .integer(0))
  }

  @Test func aLimitOnFilesIsAQuota() throws {
    let (status, output) = try probe("limit", folder)
    #expect(status.exitcode == 0 && output == "100000\nquota\n")
    #expect(folder.names == [])
  }

  @Test func withoutAFolderThereIsNone() {
    let space = SharedSpace(maxBytes: 1 << 20, folder: "/dev/shm/procession-not-there")
    #expect(kind { _ = try space.allocate(1) } == .system(SystemError("open", errno: ENOENT)))
  }

  @Test func nothingIsLeftOfASpaceThatWasClosed() throws {
    let space = folder.space()
    let memory = try space.allocate(100)
    #expect(folder.names.count == 2)
    space.close()
    #expect(folder.names == [] && !memory.isLinked)
    space.close()
  }
}
