import Glibc
import HTTP
import Linux

/// The folder of what must outlive a start: the token and the socket. It is ours alone.
struct DataFolder {
  let path: String

  init(_ given: String?) throws(StartError) {
    if let given { path = given } else { path = try Self.standard() }
    try Self.make(path)
    var status = stat()
    guard stat(path, &status) == 0, status.st_uid == geteuid() else { throw StartError("\(path) is not ours") }
    guard status.st_mode & 0o022 == 0 else { throw StartError("\(path) can be written by others; chmod go-w it") }
  }

  static func standard() throws(StartError) -> String {
    if geteuid() == 0 { return "/var/lib/procession" }
    if let state = getenv("XDG_STATE_HOME"), state.pointee == UInt8(ascii: "/") {
      return String(cString: state) + "/procession"
    }
    guard let home = getenv("HOME"), home.pointee == UInt8(ascii: "/") else {
      throw StartError("there is no HOME to keep the token in; say --data FOLDER")
    }
    return String(cString: home) + "/.local/state/procession"
  }

  private static func make(_ path: String) throws(StartError) {
    var end = path.startIndex
    while end < path.endIndex {
      end = path[end...].dropFirst().firstIndex(of: "/") ?? path.endIndex
      if mkdir(String(path[..<end]), 0o700) != 0, errno != EEXIST, end == path.endIndex {
        throw StartError("cannot make \(path): \(SystemError("mkdir", errno: errno).message)")
      }
    }
  }

  /// The token in `file`, or the service's own, which is made when there is none.
  func token(_ file: String?) throws(StartError) -> String {
    let path = file ?? self.path + "/token"
    if file == nil { try makeToken(path) }
    let fd = open(path, O_RDONLY | O_CLOEXEC | (file == nil ? O_NOFOLLOW : 0))
    guard fd >= 0 else {
      throw StartError("cannot read the token in \(path): \(SystemError("open", errno: errno).message)")
    }
    defer { close(fd) }
    var status = stat()
    guard fstat(fd, &status) == 0 else { throw StartError("cannot read the token in \(path)") }
    // A secret that was mounted may belong to root and be readable for our group; never for everybody, but where a container
    // runtime puts secrets, whose modes are not ours to choose and who else is in the container is.
    let isMounted = path.hasPrefix("/run/secrets/")
    guard isMounted || status.st_mode & 0o007 == 0 else {
      throw StartError("everybody can read the token in \(path); chmod o= it")
    }
    guard let bytes = contents(of: path, limit: 4096) else { throw StartError("cannot read the token in \(path)") }
    let token = String(bytes.text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed())
    guard token.utf8.count >= 16 else { throw StartError("the token in \(path) has fewer than 16 characters") }
    guard token.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw StartError("the token in \(path) has characters that a header cannot carry")
    }
    return token
  }

  private func makeToken(_ path: String) throws(StartError) {
    // Written beside and linked into place, so that a start that is cut off leaves no half of a token.
    let draft = path + ".\(getpid())"
    let fd = open(draft, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard fd >= 0 else { throw StartError("cannot make \(path): \(SystemError("open", errno: errno).message)") }
    write(Tokens.make() + "\n", to: fd)
    fsync(fd)
    close(fd)
    let code = link(draft, path) == 0 ? 0 : errno
    unlink(draft)
    guard code == 0 || code == EEXIST else {
      throw StartError("cannot make \(path): \(SystemError("link", errno: code).message)")
    }
  }
}
