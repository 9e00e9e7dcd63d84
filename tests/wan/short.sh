#!/usr/bin/env bash
# A live stream over coded lanes and the worst link that the emulation has: bursts of losses, jitter, packets out of
# order, and lanes that die. Fails unless every frame is answered once or counted as left out or lost, each pose is that
# of its frame, and dead lanes were replaced. Then the same with nothing lost, and one of which every
# frame counts: all of them have to arrive, in order.
# How long anything takes is no matter here.
# SLEAP_STREAM_BIN names the folder of binaries, with examples/wan_relay in it.
# Needs root, iproute2 and /dev/net/tun; 77 on a machine that has them not.
set -euo pipefail
# shellcheck source=examples/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../examples/env.sh"
cd "$repo"

# A bound on a stream that hangs.
seconds=300
# shellcheck source=tests/wan/programs.sh
. tests/wan/programs.sh
export RUST_LOG=info,link=debug
video=examples/demo/video.mp4

say "every frame once, in order and without losses: what the poses have to be"
tests/wan/wan.py --rtt 0 --rate 1000 --relay "$SLEAP_STREAM_BIN/examples/wan_relay" -- \
  tests/wan/stream.sh "$seconds" --model examples/demo/model -- --stream "$video" --jpeg-quality 80 \
  -o "$WAN_LOG/expected.jsonl"

say "live, over coded lanes, with bursts, jitter, packets out of order, and a lane cut every 1.5 s"
tests/wan/wan.py --rtt 40 --loss 2 --burst 3 --bad-loss 70 --jitter 4 --reorder 1 --cut 1.5 --rate 20 \
  --relay "$SLEAP_STREAM_BIN/examples/wan_relay" -- \
  tests/wan/stream.sh "$seconds" --model examples/demo/model -- --stream "$video" --live --fps 12 --jpeg-quality 80 \
  --lanes coded --json -o "$WAN_LOG/poses.jsonl" >"$WAN_LOG/events.jsonl"

python3 tests/wan/check.py "$WAN_LOG"

say "live, over coded lanes, with nothing lost: after a while in large shards"
# The video over and over, until that is said.
ffmpeg -v error -stream_loop 14 -i "$video" -c copy "$WAN_LOG/long.mp4"
rm "$WAN_LOG/poses.jsonl"
WAN_UNTIL="units go in few large shards" tests/wan/wan.py --rtt 40 --rate 20 --relay "$SLEAP_STREAM_BIN/examples/wan_relay" -- \
  tests/wan/stream.sh "$seconds" --model examples/demo/model -- --stream "$WAN_LOG/long.mp4" --live --fps 12 --jpeg-quality 80 \
  --lanes coded --json -o "$WAN_LOG/poses.jsonl" >"$WAN_LOG/events.jsonl"

python3 tests/wan/check.py --clean "$WAN_LOG"

say "every frame of a live source, over coded lanes, with losses in bursts: what is missing is asked for"
tests/wan/wan.py --rtt 50 --loss 3 --burst 3 --rate 20 --relay "$SLEAP_STREAM_BIN/examples/wan_relay" -- \
  tests/wan/stream.sh "$seconds" --model examples/demo/model -- --test-pattern 640x480@15 --every-frame \
  --max-frames 300 --jpeg-quality 80 --lanes coded --json -o "$WAN_LOG/every.jsonl" >"$WAN_LOG/events.jsonl"

python3 tests/wan/check.py --every 300 "$WAN_LOG"
