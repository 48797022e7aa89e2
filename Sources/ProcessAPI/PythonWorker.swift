import CEmbedded
public import Linux

/// The program that a *python* pool's workers run, for Python 3.9 and newer: worker.py as this binary was built with it. It
/// speaks the worker protocol (PROTOCOL.md beside it) on descriptor 3.
public func embeddedPythonWorker() -> Bytes {
  var count = 0
  let start = cembedded_worker(&count)
  return Bytes(copying: UnsafeRawBufferPointer(start: start, count: count))
}
