# docker/compose.yaml: the service and its two workers, which share a queue through the network with a token from a secret.
say "compose: the service, a Node program that puts and a Python program that takes"
make_language docker.io/library/node:22-bookworm-slim nodejs
make_language docker.io/library/python:3.13-slim-bookworm python3
PROCESSION_PORT=$PORT
PROCESSION_TOKEN_SOURCE=$(mktemp)
export PROCESSION_PORT PROCESSION_TOKEN_SOURCE
openssl rand -hex 32 | install -o 10001 -g 10001 -m 0400 /dev/stdin "$PROCESSION_TOKEN_SOURCE" || fail "only root can make the secret"
composed=yes

compose up -d --no-build procession >/dev/null 2>&1 || fail "compose up"
await
token=$(cat "$PROCESSION_TOKEN_SOURCE")
service=$(container ps --format '{{.Names}}' | grep "^$NAME.procession" | head -n 1)
expect "a call with the secret" "$(call -o /dev/null -w '%{http_code}' "$url/state")" 200
expect "who reads the secret" "$(container exec "$service" stat -c '%a %u' /run/secrets/procession_token)" "400 10001"
expect "a token of its own" "$(container exec "$service" ls /var/lib/procession | grep -c '^token$')" 0
compose up -d --no-build producer consumer >/dev/null 2>&1 || fail "compose up of the workers"
for _ in $(seq 300); do
  sum=$(compose logs consumer 2>/dev/null | grep -o 'sum [0-9]*') && break
  sleep 0.1
done
expect "what the consumer has taken" "$sum" "sum 5050"
compose down -v >/dev/null 2>&1 || fail "compose down"
expect "what is left" "$(container ps -a --format '{{.Names}}' | grep -c "^$NAME")" 0
compose_down
