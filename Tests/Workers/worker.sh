#!/bin/sh
# A worker in POSIX shell: see Sources/CEmbedded/PROTOCOL.md. The members of heads come without white space, as the page says,
# so that sed is parser enough; what the functions can take are a JSON value of any kind (echo, fail), and numbers.
set -u
export LC_ALL=C
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 0' PIPE
head=$work/head body=$work/body result=$work/result

# Functions: called with an argument as JSON, they print a value as JSON, or fail after printing an error's message.
square() {
  case $1 in
    '' | - | *[!-0-9]* | ?*-*) echo "not an integer" && return 1 ;;
  esac
  echo $(($1 * $1))
}

fail() {
  echo "$1"
  return 1
}

sleep_() {
  sleep "$1" && echo null
}

# The number in four bytes of the socket; fails at its end.
length() {
  set -- $(od -An -v -tu1 -N4 <&3)
  [ $# = 4 ] && echo $((($1 << 24) + ($2 << 16) + ($3 << 8) + $4))
}

# send HEAD [FILE]
send() {
  size=$([ $# = 1 ] && echo 0 || wc -c <"$2")
  printf "$(printf '\\%03o' 0 0 $((${#1} >> 8)) $((${#1} & 255)) \
    $((size >> 24 & 255)) $((size >> 16 & 255)) $((size >> 8 & 255)) $((size & 255)))%s" "$1" >&3
  [ $# = 1 ] || cat "$2" >&3
}

# A member of the head, whose value is a string without escapes, a number or a boolean.
member() {
  grep -o '"'"$1"'":[^,}]*' "$head" | head -n 1 | cut -d : -f 2- | tr -d '"'
}

# Calls a function with what comes on stdin; prints the line of the result.
outcome() {
  case $func in
    echo) # Never through a variable, since it may be large.
      printf '{"value":' && cat && printf '}\n'
      return ;;
    square | fail) called=$func ;;
    sleep) called=sleep_ ;;
    *) called=fail ;;
  esac
  if answer=$("$called" "$(cat)"); then
    printf '{"value":%s}\n' "$answer"
  else
    quoted=$(printf %s "$answer" | sed 's/[\\"]/\\&/g')
    printf '{"error":{"type":"Error","message":"%s: %s","traceback":"","args":null}}\n' "$func" "$quoted"
    return 1
  fi
}

while head_size=$(length) && body_size=$(length); do
  head -c "$head_size" <&3 >"$head"
  head -c "$body_size" <&3 >"$body"
  case $(member type) in
    hello) send '{"type":"ready","protocol":1}' ;;
    task)
      func=$(member func)
      case $(member op) in
        apply) tr -d '\n' <"$body" | sed 's/^{"args":\[[ \t]*//; s/[ \t]*\],"kwds":{[^}]*}}$//' | outcome ;;
        map)
          tr -d '[] \t\n' <"$body" | tr , '\n' | while read -r item || [ -n "$item" ]; do
            printf %s "$item" | outcome || [ "$(member stop_on_error)" = false ] || break
          done ;;
        *) func="for op $(member op)" && echo | outcome ;;
      esac >"$result"
      send '{"type":"result","id":'"$(member id)"'}' "$result" ;;
    cancel) ;;
    exit) exit 0 ;;
    *) exit 1 ;;
  esac
done
