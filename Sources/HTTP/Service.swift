import Linux
import Glibc

/// What the loops of a server share.
final class Service: Sendable {
  let options: ServerOptions
  let limits: Limits
  let router: Router
  let gate: Gate
  let tokens: Tokens
  let metrics: RequestMetrics
  let observer: (any ServerObserver)?
  /// Whose processes are let in on the Unix socket without a token, besides root's.
  let uid = UInt32(geteuid())
  let isDraining = Atomic(false)

  init(options: ServerOptions, routes: [Route], tokens: Tokens, observer: (any ServerObserver)?) {
    self.options = options
    limits = Limits(options)
    self.tokens = tokens
    self.observer = observer
    router = Router(routes)
    gate = Gate(hosts: options.hosts, origins: options.origins)
    metrics = RequestMetrics(routes: routes.count, loops: Swift.max(options.loops, 1))
  }

  static let unauthorized = problem(
    401, "Unauthorized", "The request needs a token: `Authorization: Bearer …`.", "WWW-Authenticate", "Bearer")
  static let draining = problem(503, "Draining", "The service is shutting down.", "Retry-After", "1")
  /// It closes the connection, so that who sent a thousand of them in a row is not answered as often, and others find room.
  static let tooManyWaiters = {
    var problem = Service.problem(429, "TooManyWaiters", "Too many requests are waiting already.", "Retry-After", "1")
    problem.headers.append(("Connection", "close"))
    return problem
  }()
  static let maxWait = problem(
    503, "MaxWait", "The service lets no request wait longer; ask again.", "Retry-After", "1")

  private static func problem(
    _ status: Int, _ code: String, _ detail: String, _ header: String, _ value: String
  ) -> Problem {
    var problem = Problem(status, code, detail)
    problem.headers = [(header, value)]
    return problem
  }
}
