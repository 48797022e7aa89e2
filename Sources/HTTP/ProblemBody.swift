import Linux

import JSONCodec

extension Problem {
  /// The problem as `application/problem+json`; `path` is the request's.
  public func response(to path: UnsafeRawBufferPointer) -> Response {
    let object = JSON.object()
    object.set("type", "about:blank")
    object.set("title", title(of: status))
    object.set("status", status)
    object.set("code", code)
    object.set("detail", detail)
    object.set("instance", path.text)
    if !errors.isEmpty {
      let list = JSON.array()
      for error in errors {
        let item = JSON.object()
        item.set("pointer", error.pointer)
        item.set("detail", error.detail)
        list.append(item)
      }
      object.set("errors", list)
    }
    for (name, value) in members {
      switch value {
      case .text(let text): object.set(name: name, text)
      case .integer(let number): object.set(name: name, number)
      case .json: break
      }
    }
    var response = Response(status, contentType: "application/problem+json", .bytes(spliced(into: object.dump())))
    response.headers = headers
    return response
  }
}

extension Problem {
  /// The members that are JSON already, behind the others.
  private func spliced(into document: Bytes) -> Bytes {
    var text = ""
    for case (let name, .json(let json)) in members { text += ",\"\(name)\":\(json)" }
    return text.isEmpty ? document : Bytes(document.text.dropLast() + text + "}")
  }
}

/// The standard phrase of a status.
func title(of status: Int) -> String {
  switch status {
  case 400: "Bad Request"
  case 401: "Unauthorized"
  case 403: "Forbidden"
  case 404: "Not Found"
  case 405: "Method Not Allowed"
  case 409: "Conflict"
  case 410: "Gone"
  case 412: "Precondition Failed"
  case 413: "Content Too Large"
  case 414: "URI Too Long"
  case 415: "Unsupported Media Type"
  case 416: "Range Not Satisfiable"
  case 417: "Expectation Failed"
  case 422: "Unprocessable Content"
  case 429: "Too Many Requests"
  case 431: "Request Header Fields Too Large"
  case 500: "Internal Server Error"
  case 501: "Not Implemented"
  case 503: "Service Unavailable"
  case 505: "HTTP Version Not Supported"
  default: "Error"
  }
}
