#!/usr/bin/env bash
# The rate of a running stream, undisturbed and while 20 peers without the secret do their worst, by turns in one run.
#   attack.sh [SECONDS [ROUNDS]]      a stream's length, 10 by default, and rounds, 5
# Nothing here passes or fails. Stop other programs first: worker, client and attackers share the cores.
set -euo pipefail
# shellcheck source=examples/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../examples/env.sh"
cd "$repo"

seconds=${1:-10}
rounds=${2:-5}
peers=20
target=${CARGO_TARGET_DIR:-$repo/target}/release
cargo build --release --locked --quiet -p sleap-stream -p sleap-worker
cargo build --release --locked --quiet -p sleap-stream-tests --example strangers

# The worker is one that others can reach, so both sides know a secret.
SLEAP_ROOM_SECRET=$(head -c 32 /dev/urandom | base64)
export SLEAP_ROOM_SECRET SLEAP_STREAM_NO_CONFIG=1 SLEAP_WORKER_NO_CONFIG=1
exec {ready}< <(exec "$target/sleap-worker" --listen 0.0.0.0:0 2>/dev/null)
worker=$!
trap 'kill "$worker" 2>/dev/null || true' EXIT
read -r _ url <&"$ready"

# frames_per_second OPTIONS...: the rate of a stream of so many seconds, which ends as by Ctrl-C.
frames_per_second() {
  local said
  said=$(mktemp)
  # To the stream alone: with its group it would be told twice, and stop at once.
  timeout --foreground --signal=INT "$seconds" "$target/sleap-stream" --signal "$url" --every-frame "$@" &>"$said" || true
  awk '/^frames / { for (i = 1; i < NF; i++) if ($(i + 1) ~ /^frames\/s/) { print $i; found = 1 } } END { exit !found }' \
    "$said" || { cat "$said" >&2; return 1; }
  rm -f "$said"
}

echo "load before: $(cut -d ' ' -f 1-3 /proc/loadavg), $(nproc) cores"
echo '| stream | round | undisturbed | under attack | ratio | the attackers |'
echo '|---|---|---|---|---|---|'
for stream in 1920x1080@30 640x480@1000; do
  for round in $(seq "$rounds"); do
    before=$(frames_per_second --test-pattern "$stream")
    said=$(mktemp)
    "$target/examples/strangers" "$url" "$peers" "$((seconds + 2))" >"$said" &
    attackers=$!
    # They are at work when the stream begins.
    sleep 1
    under=$(frames_per_second --test-pattern "$stream")
    wait "$attackers"
    ratio=$(awk -v a="$under" -v b="$before" 'BEGIN { printf "%.2f", a / b }')
    echo "| raw $stream | $round | $before | $under | $ratio | $(cat "$said") |"
    rm -f "$said"
  done
done
echo "worker: $(awk '/^VmHWM/ { printf "%.0f MB at its peak", $2 * 1024 / 1e6 }' "/proc/$worker/status")"
