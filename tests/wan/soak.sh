#!/usr/bin/env bash
# A long live stream over coded lanes: 50 ms, 2 % of the packets lost in runs of three, and a lane cut every 20 s. Fails unless
# every frame is answered once or counted as left out or lost, each pose is that of its frame, and the memory of both
# programs stays as it is after the first quarter.
#   soak.sh [SECONDS]      20 minutes by default
# SLEAP_STREAM_BIN names another folder of binaries, with examples/wan_relay in it.
# Needs root, iproute2, /dev/net/tun and ffmpeg; 77 on a machine that cannot make such a link.
set -euo pipefail
# shellcheck source=examples/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../examples/env.sh"
cd "$repo"

# Every five seconds: the programs of both hosts and their memory in kB.
memory() {
  local host pid
  while sleep 5; do
    for host in "$WAN_A" "$WAN_B"; do
      for pid in $(ip netns pids "$host"); do
        awk '/^Name:/ { name = $2 } /^VmRSS:/ { print name, $2 }' "/proc/$pid/status" 2>/dev/null || true
      done
    done
  done >"$WAN_LOG/memory.txt"
}

# This script again, within a link.
if [ "${1:-}" = inside ]; then
  shift
  memory &
  trap 'kill %1' EXIT
  tests/wan/stream.sh "$@"
  exit
fi

length=${1:-1200}
# A bound on a stream that hangs.
seconds=$((2 * length + 60))
# shellcheck source=tests/wan/programs.sh
. tests/wan/programs.sh
export RUST_LOG=info,link=debug
video=examples/demo/video.mp4

say "every frame once, in order and without losses: what the poses have to be"
stream_over --rtt 0 --rate 1000 -- --stream "$video" --jpeg-quality 80 -o "$WAN_LOG/expected.jsonl"

# The video over and over: 240 frames, 30 a second.
ffmpeg -v error -stream_loop $((length / 8)) -i "$video" -c copy "$WAN_LOG/long.mp4"

say "$length s live, over coded lanes, with losses in bursts and lanes that die"
tests/wan/wan.py --rtt 50 --loss 2 --burst 3 --cut 20 --rate 20 --relay "$SLEAP_STREAM_BIN/examples/wan_relay" -- \
  tests/wan/soak.sh inside "$seconds" --model examples/demo/model -- --stream "$WAN_LOG/long.mp4" --live --fps 30 --jpeg-quality 80 \
  --lanes coded --json -o "$WAN_LOG/poses.jsonl" >"$WAN_LOG/events.jsonl"

python3 tests/wan/check.py --soak "$WAN_LOG"
