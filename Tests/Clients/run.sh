#!/usr/bin/env bash
# Makes a client of openapi.yaml in each language and runs the same scenario with all of them against one service:
#
#     run.sh BINARY
#
# Nothing that the generator writes is changed. The service listens on 127.0.0.1 alone and is ended with this.
set -euo pipefail
binary=$(realpath "${1:?usage: run.sh BINARY}")
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
build=$root/.build-clients
work=$(mktemp -d)
service=
# More than the 60 s after which many a client gives up unless it is told otherwise.
export LONG_WAIT=${LONG_WAIT:-65}

say() { printf '%3s s  %s\n' "$SECONDS" "$*"; }
# shellcheck disable=SC2329
finish() {
  if [ -n "$service" ]; then
    kill "$service" 2>/dev/null || true
    for _ in $(seq 200); do kill -0 "$service" 2>/dev/null || break; sleep 0.1; done
    kill -KILL "$service" 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap finish EXIT

mkdir -p "$build"
if [ ! -x "$build/venv/bin/openapi-generator-cli" ]; then
  python3 -m venv "$build/venv"
  "$build/venv/bin/pip" install --quiet 'openapi-generator-cli==7.26.0'
fi
jar=$(echo "$build"/venv/lib/python3*/site-packages/openapi_generator_cli/openapi-generator.jar)

# generate GENERATOR FOLDER OPTIONS [ARGUMENTS]
generate() {
  rm -rf "${build:?}/$2"
  "$build/venv/bin/openapi-generator-cli" generate -g "$1" -i "$root/openapi.yaml" -o "$build/$2" \
    --global-property apiTests=false,modelTests=false,apiDocs=false,modelDocs=false \
    --additional-properties="$3" "${@:4}" >"$work/generator" 2>&1 || { cat "$work/generator"; return 1; }
}

# A function whose failure is asked for runs on after one of its commands failed: hence `&&`.
python_client() {
  generate python python packageName=procession &&
    "$build/venv/bin/pip" install --quiet -r "$build/python/requirements.txt"
}
python_scenario() { PYTHONPATH=$build/python "$build/venv/bin/python" "$here/python/scenario.py"; }

typescript_lacks() { command -v tsc >/dev/null && command -v node >/dev/null || echo "there is no TypeScript compiler"; }
typescript_client() {
  generate typescript-fetch typescript/procession withoutRuntimeChecks=true &&
    cp "$here/typescript/scenario.ts" "$build/typescript/" &&
    tsc --strict --target es2020 --module commonjs --lib es2020,dom --outDir "$build/typescript/out" "$build/typescript/scenario.ts"
}
typescript_scenario() { node "$build/typescript/out/scenario.js"; }

# The one module that the client needs is Debian's, which has no module proxy: so by GOPATH.
export GO111MODULE=off GOFLAGS='' GOPATH=$build/go:/usr/share/gocode
go_client() {
  generate go go/src/procession packageName=procession,withGoMod=false,enumClassPrefix=true,useOneOfDiscriminatorLookup=true &&
    go build -o "$build/go/scenario" "$here/go/scenario.go"
}
go_scenario() { "$build/go/scenario"; }

java_path=$jar:/usr/share/java/jakarta-annotation-api.jar:/usr/share/java/jsr305.jar
java_lacks() { command -v javac >/dev/null || echo "there is no Java compiler"; }
# java.net's HTTP client comes with a Pipe of its own.
java_client() {
  generate java java invokerPackage=io.procession,apiPackage=io.procession.api,modelPackage=io.procession.model,openApiNullable=false,useJakartaEe=true \
    --library native --model-name-mappings Pipe=MessagePipe &&
    find "$build/java/src/main" -name '*.java' >"$build/java/sources" &&
    javac -nowarn -Xlint:-deprecation -d "$build/java/out" -cp "$java_path" "@$build/java/sources" "$here/java/Scenario.java" 2>"$work/javac" ||
    { cat "$work/javac"; return 1; }
}
java_scenario() { java -cp "$build/java/out:$java_path" Scenario; }

swift_client() {
  generate swift6 Procession projectName=Procession &&
    swift build --quiet --package-path "$here/swift" --scratch-path "$build/swift" >"$work/swiftc" 2>&1 ||
    { cat "$work/swiftc"; return 1; }
}
swift_scenario() { "$build/swift/debug/Scenario"; }

# Python, Go and Swift are everywhere; what another lacks is told.
languages=()
for language in python go swift typescript java; do
  lacks=$(declare -F ${language}_lacks >/dev/null && ${language}_lacks || true)
  if [ -n "$lacks" ]; then say "$language is skipped: $lacks"; continue; fi
  say "generating and building the client in $language"
  ${language}_client || { say "no client in $language"; exit 1; }
  languages+=("$language")
done

mkdir -m 700 "$work/data"
"$binary" serve --listen 127.0.0.1:0 --socket none --data "$work/data" >"$work/out" 2>"$work/log" &
service=$!
for _ in $(seq 200); do
  PROCESSION_URL=$(grep -o -m 1 'http://127.0.0.1:[0-9]*' "$work/out" || true)
  [ -n "$PROCESSION_URL" ] && break
  sleep 0.1
done
[ -n "$PROCESSION_URL" ] || { cat "$work/log"; exit 1; }
PROCESSION_TOKEN=$(cat "$work/data/token")
export PROCESSION_URL PROCESSION_TOKEN

say "the same scenario in ${languages[*]}, with a wait of $LONG_WAIT s"
declare -A running
for language in "${languages[@]}"; do
  timeout $((LONG_WAIT + 120)) bash -c "$(declare -f ${language}_scenario); build=$build here=$here java_path=$java_path; ${language}_scenario" \
    >"$work/$language" 2>&1 &
  running[$language]=$!
done
failed=0
for language in "${languages[@]}"; do
  status=0
  wait "${running[$language]}" || status=$?
  echo "$language:"
  cat "$work/$language"
  [ $status = 0 ] || { failed=$((failed + 1)); echo "   FAILED with $status"; }
done
say "done"
echo "$((${#languages[@]} - failed)) passed, $failed failed"
[ $failed = 0 ]
