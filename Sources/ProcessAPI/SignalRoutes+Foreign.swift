import HTTP
import JSONCodec
import ProcessCore

/// A process by its pid, which need not be the service's; `os.kill`.
struct ForeignTarget {
  let pid: CInt
  /// As the rows of a process's tree have it: with it, a later process of the same pid is not reached.
  let startTime: UInt64?
}

extension SignalRoutes {
  /// Sends a signal to one of the service's processes, or where that is allowed to any.
  func send(_ number: CInt, _ target: ForeignTarget, value: CInt?) throws(Problem) -> Response {
    let own = manager.process(pid: target.pid)
    guard own != nil || manager.allowsForeignPids else {
      throw Problem(403, "Forbidden", "\(target.pid) is no process of the service's, see --allow-foreign-pids")
    }
    var problem: Problem?
    do throws(CoreError) {
      if let own, target.startTime == nil {
        try own.signal(number, value: value)
      } else {
        try manager.signal(number, toForeign: target.pid, startTime: target.startTime, value: value)
      }
    } catch { problem = Problem(error) }
    let result = JSON.object()
    result.set("process", own?.name.text)
    result.set("sent", problem == nil)
    result.set("code", problem?.code)
    result.set("detail", problem?.detail)
    result.set("pid", Int(target.pid))
    let results = JSON.array()
    results.append(result)
    return report(number, results)
  }

  func report(_ number: CInt, _ results: consuming JSON) -> Response {
    let object = JSON.object()
    object.set("signal", signalName(number))
    object.set("results", results)
    return .json(object.dump())
  }
}

extension Fields {
  /// `pid`, with or without `start_time`, in place of a selector.
  func foreignTarget(_ target: SignalTarget) -> ForeignTarget? {
    guard kind("pid") != .absent else {
      reject("start_time", "goes with a pid")
      return nil
    }
    let pid = integer("pid", in: 1...Int(CInt.max), required: true)
    rejectNull("start_time")
    let startTime = integer("start_time", in: 0...Int.max)
    for other in ["processes", "label", "all"] { reject(other, "a pid is given too") }
    if target != .process { fail("to", "a pid is that of a process alone") }
    return ForeignTarget(pid: CInt(pid ?? 1), startTime: startTime.map { UInt64($0) })
  }
}
