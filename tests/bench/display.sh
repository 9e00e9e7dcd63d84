#!/usr/bin/env bash
# What --display costs: a test pattern as fast as it goes, with and without a window, in turns. A run is long
# enough that opening the window does not count.
#   display.sh [RUNS]     (5)
# On a screen of its own (Xvfb). SLEAP_STREAM_BIN names the folder of the binaries (target/release).
set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
binaries=${SLEAP_STREAM_BIN:-${CARGO_TARGET_DIR:-$repo/target}/release}
runs=${1:-5}
scratch=$(mktemp -d)
started=()
cleanup() {
  for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
  rm -rf "$scratch"
}
trap cleanup EXIT
export SLEAP_STREAM_NO_CONFIG=1 SLEAP_WORKER_NO_CONFIG=1

exec {number}< <(exec Xvfb -displayfd 1 -screen 0 1280x1024x24 -nolisten tcp 2>/dev/null)
started+=($!)
read -r display <&"$number"
export DISPLAY=:$display

# measure WHAT WORKER_OPTION CLIENT_OPTION...: frames per second of one run, into $scratch/WHAT.
measure() {
  local what=$1 worker_option=$2 line ready pid
  shift 2
  # shellcheck disable=SC2086 # an option, or none
  exec {ready}< <(exec "$binaries/sleap-worker" --listen 127.0.0.1:0 --model "$repo/examples/demo/model" \
    $worker_option 2>/dev/null)
  pid=$!
  started+=("$pid")
  read -r line <&"$ready"
  "$binaries/sleap-stream" --signal "${line#ready: }" --test-pattern 640x480@1000 --every-frame --max-frames 3000 \
    --json "$@" 2>/dev/null |
    python3 -c 'import json, sys; print([json.loads(line) for line in sys.stdin][-1]["frames_per_second"])' \
      >>"$scratch/$what"
  kill "$pid"
  # It is no child of this shell: its end is the end of what it writes.
  cat <&"$ready" >/dev/null
  exec {ready}<&-
}

for pixels in raw jpeg; do
  options=()
  [ "$pixels" = raw ] || options=(--jpeg-quality 80)
  for ((run = 0; run < runs; run++)); do
    measure "$pixels-none" "" "${options[@]}"
    measure "$pixels-worker" --display "${options[@]}"
    measure "$pixels-client" "" --display "${options[@]}"
  done
done

python3 - "$scratch" <<'PYTHON'
import statistics, sys
for pixels in ("raw", "jpeg"):
    rate = {}
    for who in ("none", "worker", "client"):
        with open(f"{sys.argv[1]}/{pixels}-{who}") as lines:
            rate[who] = statistics.median(map(float, lines))
    for who, value in rate.items():
        print(f"{pixels:5} window of {who:7} {value:7.1f} frames/s  {value / rate['none']:.2f}")
PYTHON
