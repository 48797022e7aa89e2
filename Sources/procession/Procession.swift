@main
struct Procession {
  static func main() {}
}
