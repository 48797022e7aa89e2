#!/usr/bin/env bash
# Holds the service and openapi.yaml against each other:
#
#     run.sh BINARY
#
# openapi-spec-validator reads the document, check_schemas.py and check_examples.py call every operation, schemathesis tries
# whatever a client could get wrong. The services that this starts listen on 127.0.0.1 alone and are ended with it.
set -euo pipefail
binary=$(realpath "${1:?usage: run.sh BINARY}")
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
tools=$root/.build-conformance
work=$(mktemp -d)
pids=()

# Ends a service, by force if 30 s are not enough; 0 when it ended by itself and in order.
end() {
  kill "$1" 2>/dev/null || return 1
  for _ in $(seq 300); do
    kill -0 "$1" 2>/dev/null || { wait "$1"; return; }
    sleep 0.1
  done
  kill -KILL "$1"
  wait "$1" || return 1
}

finish() {
  for pid in "${pids[@]}"; do end "$pid" || true; done
  rm -rf "$work"
}
trap finish EXIT

# Starts a service and sets `url` and `token`.
start() {
  local data=$work/$1
  shift
  mkdir -m 700 "$data"
  "$binary" serve --listen 127.0.0.1:0 --socket none --data "$data" "$@" >"$data/out" 2>"$data/log" &
  pids+=($!)
  for _ in $(seq 100); do
    url=$(grep -o -m 1 'http://127.0.0.1:[0-9]*' "$data/out" || true)
    [ -n "$url" ] && break
    sleep 0.1
  done
  [ -n "$url" ] || { cat "$data/log"; exit 1; }
  token=$data/token
}

if [ ! -x "$tools/bin/schemathesis" ]; then
  python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet 'schemathesis==4.32.5' 'openapi-spec-validator==0.9.0' jsonschema pyyaml
fi

failed=0
step() {
  echo "== $1"
  shift
  "$@" || { failed=1; echo "== failed"; }
  echo "== after ${SECONDS}s"
}

step "the document is valid" "$tools/bin/openapi-spec-validator" "$root/openapi.yaml"

start free
step "every operation answers as it is specified" "$tools/bin/python" "$here/check_schemas.py" "$url" "$token"
step "every example runs" "$tools/bin/python" "$here/check_examples.py" "$url" "$token"

# What schemathesis makes up may be a command: only harmless ones start, and few at a time.
start fuzzed --allow-command /bin/true --allow-command /bin/echo --allow-command /bin/sleep --allow-command /bin/cat \
  --allow-command python3
cd "$work"
cp "$here/schemathesis.toml" .
step "schemathesis finds no fault" env SCHEMATHESIS_HOOKS="$here/hooks.py" "$tools/bin/schemathesis" run "$root/openapi.yaml" \
  --url "$url" --header "Authorization: Bearer $(cat "$token")" --max-examples "${EXAMPLES:-40}" --max-time "${SECONDS_MAX:-180}" \
  --seed "${SEED:-1}" --no-color --output-sanitize true
# What it took to find that: requests by operation and status.
curl -sS -H "Authorization: Bearer $(cat "$token")" "$url/metrics" |
  sed -n 's/^procession_requests_total{operation="\(.*\)",status="\(.*\)"} \(.*\)/\1 \2 \3/p' |
  awk '{ if ($1 != last) { if (last) print line; line = sprintf("%-20s", $1); last = $1 } line = line " " $2 ":" $3; total += $3 }
    END { print line; print total " requests" }'
# Whatever it was told to do about signals.
curl -sS -o "$work/answer" --json '{"action":"default"}' -X PUT -H "Authorization: Bearer $(cat "$token")" \
  "$url/v1/signals/handlers/SIGTERM"
step "the service is still there, and ends in order" end "${pids[-1]}"
exit $failed
