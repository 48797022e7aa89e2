#!/usr/bin/env bash
# Runs every worker of this repository through the conformance test: the python worker with each Python 3.9 and newer that is
# here (or with those that PYTHONS names), and the examples. Prints what fails, and a summary for each worker.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
pids=()

# conform NAME ARGUMENT...: beside the others, for a worker mostly waits.
conform() {
  local name=$1 lines code
  shift
  {
    lines=$(python3 "$here/conformance.py" "$@" 2>&1)
    code=$?
    grep -v '^ok ' <<<"$lines" | sed "s/^/$name: /"
    exit $code
  } &
  pids+=($!)
}

versions=
for python in ${PYTHONS:-python3 python3.{9..20}}; do
  version=$("$python" -c 'import sys; print(sys.version.split()[0]); sys.exit(sys.version_info < (3, 9))' 2>/dev/null) || continue
  [[ $versions == *" $version "* ]] && continue
  versions+=" $version "
  conform "python $version" --python "$python" "$here/../../Sources/CEmbedded/worker.py"
done

conform shell /bin/sh "$here/worker.sh"

"$(command -v clang || command -v cc)" -O2 -Wall -Wextra -Werror -o "$work/worker" "$here/worker.c" || exit 1
conform C "$work/worker"

if command -v node >/dev/null; then
  conform Node node "$here/worker.js"
else
  echo "Node: skipped, node is not here"
fi

failed=0
for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
[ -n "$versions" ] || { echo "no Python 3.9 or newer is here"; failed=1; }
exit $failed
