import HTTP
import JSONCodec
import Linux
import ProcessCore

extension Process {
  /// The representation as it is sent.
  var rendered: Response {
    let object = rendering.object { PreparedResponse(.json(json().dump())) }
    guard let prepared = object as? PreparedResponse else { preconditionFailure("nobody else renders processes") }
    return Response(prepared)
  }

  /// The representation of openapi.yaml's `Process`. Values of environment variables and the text of stdin are secrets and
  /// are not in it.
  func json() -> JSON {
    let now = snapshot
    let object = JSON.object()
    object.set("name", name.text)
    object.set("class", spec.className?.text)
    object.set("state", now.state.rawValue)
    object.set("is_alive", now.isAlive)
    object.set("pid", now.pid.map { Int($0) })
    object.set("session", now.session?.text)
    object.set("exitcode", now.exit?.status.exitcode.map { Int($0) })
    if let exit = now.exit { object.set("exit", exit.json()) } else { object.set("exit", JSON.null()) }
    object.set("daemon", spec.isDaemon)
    object.set("created_at", createdAt.rfc3339)
    object.set("started_at", now.startedAt?.rfc3339)
    writeSupervision(now, to: object)
    spec.write(to: object)
    object.set("tty", terminalJSON(now.size ?? spec.terminal))
    object.set("output", outputJSON())
    return object
  }

  private func outputJSON() -> JSON {
    let output = JSON.object()
    for (name, selection) in [("stdout", OutputSelection.stdout), ("stderr", .stderr)] {
      let range = outputRange(selection)
      let stream = JSON.object()
      stream.set("start", Int(range.start))
      stream.set("end", Int(range.end))
      stream.set("is_open", range.isOpen)
      output.set(name: name, stream)
    }
    return output
  }
}

extension ProcessSpec {
  fileprivate func write(to object: borrowing JSON) {
    object.set("command", command)
    object.set("env", environment.map(\.name))
    object.set("inherit_env", inheritsEnvironment)
    object.set("cwd", workingDirectory)
    object.set("user", user)
    object.set("umask", umask.map { octal($0) })
    object.set("stdin", stdin.json())
    object.set("stdout", stdout.json())
    object.set("stderr", stderr.json())
    object.set("fds", descriptorsJSON(descriptors))
    object.set("signals", dispositionsJSON(ignoredSignals))
    object.set("mask", maskJSON(blockedSignals))
    object.set("limits", limitsJSON(limits))
    if let timeout { object.set("timeout", timeout.json()) } else { object.set("timeout", JSON.null()) }
    writeSupervision(to: object)
    object.set("labels", labelsJSON(labels))
  }
}

extension ProcessTemplate {
  /// Writes the fields that are given, and null for those that are not.
  func write(to object: borrowing JSON) {
    object.set("command", command)
    object.set("args", arguments)
    object.set("env", environment?.map(\.name))
    object.set("inherit_env", inheritsEnvironment)
    object.set("cwd", workingDirectory)
    object.set("user", user)
    object.set("umask", umask.map { octal($0) })
    object.set("stdin", stdin?.json() ?? JSON.null())
    object.set("stdout", stdout?.json() ?? JSON.null())
    object.set("stderr", stderr?.json() ?? JSON.null())
    if let descriptors { object.set("fds", descriptorsJSON(descriptors)) } else { object.set("fds", JSON.null()) }
    if let ignoredSignals {
      object.set("signals", dispositionsJSON(ignoredSignals))
    } else {
      object.set("signals", JSON.null())
    }
    object.set("tty", terminalJSON(terminal))
    object.set("mask", blockedSignals.map { maskJSON($0) } ?? JSON.null())
    if let limits { object.set("limits", limitsJSON(limits)) } else { object.set("limits", JSON.null()) }
    if let timeout { object.set("timeout", timeout.json()) } else { object.set("timeout", JSON.null()) }
    writeSupervision(to: object)
    object.set("daemon", isDaemon)
    if let labels { object.set("labels", labelsJSON(labels)) } else { object.set("labels", JSON.null()) }
  }
}

extension ProcessExit {
  fileprivate func json() -> JSON {
    let object = JSON.object()
    switch status.ending {
    case .exited(let code):
      object.set("code", Int(code))
      object.set("signal", JSON.null())
      object.set("core_dumped", false)
    case .signalled(let number, let coreDumped):
      object.set("code", JSON.null())
      object.set("signal", signalName(number))
      object.set("core_dumped", coreDumped)
    case .lost:
      object.set("code", JSON.null())
      object.set("signal", JSON.null())
      object.set("core_dumped", false)
    }
    object.set("reason", reason.rawValue)
    object.set("at", at.rfc3339)
    object.set("rusage", status.usage.json())
    return object
  }
}

extension ResourceUsage {
  fileprivate func json() -> JSON {
    let object = JSON.object()
    object.set("user_seconds", userSeconds)
    object.set("system_seconds", systemSeconds)
    object.set("max_rss", Int(maxResidentBytes))
    object.set("minor_faults", Int(minorFaults))
    object.set("major_faults", Int(majorFaults))
    object.set("voluntary_switches", Int(voluntarySwitches))
    object.set("involuntary_switches", Int(involuntarySwitches))
    object.set("blocks_in", Int(blocksIn))
    object.set("blocks_out", Int(blocksOut))
    return object
  }
}

extension ProcessSpec.Timeout {
  fileprivate func json() -> JSON {
    let object = JSON.object()
    object.set("seconds", seconds)
    object.set("signal", signalName(signal))
    object.set("grace", grace)
    return object
  }
}

private func octal(_ mask: UInt32) -> String {
  let digits = String(mask, radix: 8)
  return String(repeating: "0", count: 4 - digits.count) + digits
}

private func dispositionsJSON(_ ignored: Set<CInt>) -> JSON {
  let object = JSON.object()
  for number in ignored.sorted() { object.set(name: signalName(number), "ignore") }
  return object
}

private func maskJSON(_ blocked: Set<CInt>) -> JSON {
  let array = JSON.array()
  for number in blocked.sorted() { array.append(signalName(number)) }
  return array
}

func limitsJSON(_ limits: [ProcessSpec.ResourceLimit]) -> JSON {
  let object = JSON.object()
  for limit in limits {
    let name = limit.resource.rawValue
    if limit.resource == .cpu {
      object.set(name: name, Double(limit.value) / 1e6)
    } else {
      object.set(name: name, Int(limit.value))
    }
  }
  return object
}

func labelsJSON(_ labels: [ProcessSpec.Label]) -> JSON {
  let object = JSON.object()
  for label in labels { object.set(name: label.name, label.value) }
  return object
}
