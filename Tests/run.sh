#!/usr/bin/env bash
# Runs the tests that are built. When some fail, it tells at the end again what went wrong with them, which stands thousands
# of lines above by then, and repeats the runner's summary.
set -uo pipefail
log=$(mktemp)
trap 'rm -f "$log"' EXIT
swift test --skip-build "$@" 2>&1 | tee "$log"
code=${PIPESTATUS[0]}
if [ "$code" -ne 0 ]; then
  printf '\nWhat failed:\n'
  # An expectation may go over several lines, and its comment stands below it.
  grep -A 4 'recorded an issue' "$log" | grep -v '^. Test .* started\.$' | head -n 60
  tail -n 1 "$log"
fi
exit "$code"
