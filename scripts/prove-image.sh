#!/usr/bin/env bash
# Proves the Dockerfile where no Docker engine is at hand: takes its steps in empty directories.
# It reads COPY, ENV, HEALTHCHECK and ENTRYPOINT from the Dockerfile itself, so the two cannot drift apart, then:
# builds, installs without dev dependencies, starts, asks for health, sends PING and a SET through it (with
# redis-server present), ends it by SIGTERM and wants exit code 0. Any failure ends the script with a non-zero code.
# It does not prove the base image, the user, or port publishing.
set -euo pipefail

repo=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
proxy_pid='' redis_pid=''
cleanup() {
  for pid in $proxy_pid $redis_pid; do
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
  done
  rm -rf "$work"
}
trap cleanup EXIT

step() { echo "prove-image: $*"; }
fail() {
  echo "prove-image: FAILED: $*" >&2
  [ ! -s "$work/log" ] || { echo '--- log of the proxy' >&2; tail -n 30 "$work/log" >&2; }
  exit 1
}

# Instructions on one line each, comments gone; then those of one stage (1: build, 2: final).
instructions=$(sed -e '/^#/d' -e ':join' -e '/\\$/{N;s/\\\n//;b join' -e '}' "$repo/Dockerfile")
stage() { awk -v wanted="$1" '$1 == "FROM" { n++ } n == wanted' <<<"$instructions"; }

# Copies what the stage copies from the context. Absolute targets lie below the stage's directory.
copy_context() {
  local dir=$1 copy words target source
  mkdir -p "$dir/app"
  while read -r copy; do
    read -ra words <<<"$copy"
    target=${words[-1]}
    [[ $target == /* ]] && target=$dir$target || target=$dir/app/$target
    mkdir -p "$(dirname "$target")"
    for source in "${words[@]:1:${#words[@]}-2}"; do
      [ -e "$repo/$source" ] || fail "the Dockerfile copies $source, which does not exist"
      grep -qxF "!${source%%/*}" "$repo/.dockerignore" || fail ".dockerignore keeps $source from the builder"
      cp -R "$repo/$source" "$target"
    done
  done < <(grep '^COPY ' | grep -v -- '--from=')
}

# The JSON array behind an instruction, one word a line.
exec_form() {
  stage 2 | sed -n "s/^$1 *[^[]*\(\[.*\]\)\$/\1/p" | node -e '
    for (const word of JSON.parse(require("node:fs").readFileSync(0, "utf8"))) console.log(word);' ||
    fail "$1 is not in exec form"
}

free_port() { node -e 'const s = require("node:net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close(); });'; }

# Tries a command until it succeeds, at most ten seconds.
eventually() {
  local deadline=$((SECONDS + 10))
  until "$@" >/dev/null 2>&1; do
    ((SECONDS < deadline)) || return 1
    [ -z "$proxy_pid" ] || kill -0 "$proxy_pid" 2>/dev/null || return 1
    sleep 0.1
  done
}

step 'build stage: npm ci, npm run build'
copy_context "$work/build" < <(stage 1)
(cd "$work/build/app" && npm ci --ignore-scripts --no-audit --no-fund --loglevel=error && npm run build --silent) || fail 'the build stage'

step 'final stage: npm ci --omit=dev'
copy_context "$work/final" < <(stage 2)
(cd "$work/final/app" && npm ci --omit=dev --ignore-scripts --no-audit --no-fund --loglevel=error) || fail 'installing without dev dependencies'
cp -R "$work/build/app/dist" "$work/final/app/dist"
[ ! -d "$work/final/app/node_modules/typescript" ] || fail 'dev dependencies are in the final stage'

mapfile -t entrypoint < <(exec_form ENTRYPOINT)
mapfile -t healthcheck < <(exec_form HEALTHCHECK)
[ ${#entrypoint[@]} -gt 0 ] && [ ${#healthcheck[@]} -gt 0 ] || fail 'ENTRYPOINT and HEALTHCHECK must be in exec form'
stage 2 | grep -qx 'USER node' || fail 'the final stage does not leave root'
stage 2 | grep -qx 'STOPSIGNAL SIGTERM' || fail 'the final stage does not stop by SIGTERM'

# Of the image's environment only what names a place in it or a port differs here.
config=$(stage 2 | sed -n 's/^ENV .*SPILLWAY_CONFIG=\([^ ]*\).*/\1/p')
[ -f "$work/final$config" ] || fail "SPILLWAY_CONFIG names $config, which the image does not have"
port=$(free_port) admin=$(free_port) upstream=$(free_port)
export NODE_ENV=production SPILLWAY_CONFIG="$work/final$config"
export SPILLWAY_LISTEN="127.0.0.1:$port" SPILLWAY_ADMIN="127.0.0.1:$admin" SPILLWAY_UPSTREAM="redis://127.0.0.1:$upstream"

if command -v redis-server >/dev/null; then
  (cd "$work" && exec redis-server --port "$upstream" --bind 127.0.0.1 --save '' --appendonly no >"$work/redis.log") &
  redis_pid=$!
  eventually redis-cli -p "$upstream" PING || fail 'the private redis-server did not start'
fi

step "start: ${entrypoint[*]}"
cd "$work/final/app"
"${entrypoint[@]}" >"$work/log" 2>&1 &
proxy_pid=$!
eventually "${healthcheck[@]}" || fail 'the health check does not pass'
step 'healthy'

if [ -n "$redis_pid" ]; then
  [ "$(redis-cli -p "$port" PING)" = PONG ] || fail 'no PONG to PING'
  [ "$(redis-cli -p "$port" SET cache:prove-image x)" = OK ] || fail 'SET did not answer OK'
  [ "$(redis-cli -p "$upstream" TTL cache:prove-image)" = -1 ] || fail 'the config of the image should only observe'
  sed -i 's/"mode": "observe"/"mode": "enforce"/' "$SPILLWAY_CONFIG"
  gets_ttl() {
    redis-cli -p "$port" SET cache:prove-image x
    ttl=$(redis-cli -p "$upstream" TTL cache:prove-image)
    ((ttl > 3000 && ttl <= 3960))
  }
  eventually gets_ttl || fail "once it enforces, cache:* should have a TTL of an hour or so, but has $ttl"
  step "PING answers; the config observes; with \"enforce\" in its file cache:* gets a TTL of $ttl s"
else
  step 'no redis-server here: PING through the proxy not tried'
fi

kill -TERM "$proxy_pid"
code=0
wait "$proxy_pid" || code=$?
proxy_pid=''
[ "$code" = 0 ] || fail "SIGTERM ended it with exit code $code, not 0"
step 'SIGTERM ended it with exit code 0'
step 'PASSED'
