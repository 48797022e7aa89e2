/// What a VT100 shows after it was sent some bytes: as much of one as full-screen programs need.
struct Screen {
  private(set) var rows: Int
  private(set) var columns: Int
  private var cells: [[Character]]
  private var row = 0
  private var column = 0
  private var top = 0
  private var bottom: Int
  private var pending = ""

  init(rows: Int, columns: Int) {
    self.rows = rows
    self.columns = columns
    cells = Array(repeating: Array(repeating: " ", count: columns), count: rows)
    bottom = rows - 1
  }

  var lines: [String] {
    cells.map { line in
      let text = String(line)
      return String(text.reversed().drop { $0 == " " }.reversed())
    }
  }

  var text: String { lines.joined(separator: "\n") }

  mutating func resize(rows: Int, columns: Int) {
    self = Screen(rows: rows, columns: columns)
  }

  mutating func show(_ text: String) {
    for scalar in text.unicodeScalars { show(scalar) }
  }

  private mutating func show(_ scalar: Unicode.Scalar) {
    if !pending.isEmpty { return escape(scalar) }
    switch scalar {
    case "\u{1B}": pending = "\u{1B}"
    case "\r": column = 0
    case "\n": lineFeed()
    case "\u{8}": column = max(column - 1, 0)
    case "\t": column = min((column / 8 + 1) * 8, columns - 1)
    case _ where scalar.value < 0x20: break
    default:
      if column == columns {
        column = 0
        lineFeed()
      }
      cells[row][column] = Character(scalar)
      column += 1
    }
  }

  private mutating func lineFeed() {
    guard row == bottom else { return row = min(row + 1, rows - 1) }
    cells.remove(at: top)
    cells.insert(Array(repeating: " ", count: columns), at: bottom)
  }

  private mutating func escape(_ scalar: Unicode.Scalar) {
    pending.unicodeScalars.append(scalar)
    if pending.hasPrefix("\u{1B}[") {
      if pending.count > 2, (0x40...0x7E).contains(scalar.value) { control(scalar) }
    } else if pending.hasPrefix("\u{1B}(") || pending.hasPrefix("\u{1B})") {
      if pending.count == 3 { pending = "" }
    } else {
      if scalar == "M" { reverseLineFeed() }
      pending = ""
    }
  }

  private mutating func reverseLineFeed() {
    guard row == top else { return row = max(row - 1, 0) }
    cells.remove(at: bottom)
    cells.insert(Array(repeating: " ", count: columns), at: top)
  }

  private mutating func control(_ final: Unicode.Scalar) {
    let parameters = pending.dropFirst(2).dropLast().split(separator: ";", omittingEmptySubsequences: false)
    pending = ""
    func number(_ index: Int, or missing: Int) -> Int {
      index < parameters.count ? Int(parameters[index]) ?? missing : missing
    }
    let count = number(0, or: 1)
    switch final {
    case "H", "f": (row, column) = (number(0, or: 1) - 1, number(1, or: 1) - 1)
    case "A": row -= count
    case "B": row += count
    case "C": column += count
    case "D": column -= count
    case "G": column = count - 1
    case "d": row = count - 1
    case "K": erase(row, number(0, or: 0))
    case "J":
      let kind = number(0, or: 0)
      if kind == 0 { erase(row, 0) }
      if kind == 1 { erase(row, 1) }
      for line in 0..<rows where kind == 2 || (kind == 0 ? line > row : line < row) { erase(line, 2) }
    case "P": shift(by: count)
    case "X": for at in column..<min(column + count, columns) { cells[row][at] = " " }
    case "r":
      (top, bottom) = (number(0, or: 1) - 1, number(1, or: rows) - 1)
      (row, column) = (0, 0)
    default: break  // Colours and modes.
    }
    row = min(max(row, 0), rows - 1)
    column = min(max(column, 0), columns - 1)
  }

  private mutating func shift(by count: Int) {
    cells[row].removeSubrange(column..<min(column + count, columns))
    while cells[row].count < columns { cells[row].append(" ") }
  }

  private mutating func erase(_ line: Int, _ kind: Int) {
    let last = min(column, columns - 1)
    let range = kind == 0 ? last..<columns : kind == 1 ? 0..<(last + 1) : 0..<columns
    for at in range { cells[line][at] = " " }
  }
}
