#!/usr/bin/env bash
# Raw frames over emulated links of 1 Gbit/s and 20 ms with 1, 4 and 8 lanes; then over loopback beside
# libdatachannel. Prints tables.
#   lanes.sh [SECONDS [RUNS]]      a run's length, 20 by default, and runs of each, 5
# Needs root, iproute2 and /dev/net/tun for the links, and cmake and OpenSSL's headers for libdatachannel.
# Nothing here passes or fails. Stop other programs first: every process here wants a core of its own.
set -euo pipefail
# shellcheck source=examples/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../examples/env.sh"
cd "$repo"

seconds=${1:-20}
runs=${2:-5}
target=${CARGO_TARGET_DIR:-$repo/target}/release
export SLEAP_STREAM_BIN=$target
cargo build --release --locked --quiet -p sleap-stream -p sleap-worker
cargo build --release --locked --quiet -p sleap-stream-tests --example wan_relay
(cd tests/bench/libdatachannel && CARGO_TARGET_DIR=$target/libdatachannel cargo build --release --locked --quiet)

# The MB/s of a client's summary.
rate() { awk '/^frames / { print $5 " MB/s" }'; }

echo '| loss | lanes | run | raw 640x480 |'
echo '|---|---|---|---|'
for loss in 0 0.1 1; do
  for run in $(seq "$runs"); do
    for lanes in 1 4 8; do
      result=$(tests/wan/wan.py --rtt 20 --loss "$loss" --rate 1000 --queue 4096 --seed "$run" \
        --relay "$target/examples/wan_relay" -- tests/wan/stream.sh "$seconds" -- \
        --test-pattern 640x480@1000 --every-frame --lanes "$lanes" | rate)
      echo "| $loss % | $lanes | $run | $result |"
    done
  done
done

echo
echo '| loopback, raw 1080p | run | |'
echo '|---|---|---|'
# Uncompressed, so that reading a frame costs a copy.
cache=${XDG_CACHE_HOME:-$HOME/.cache}/sleap-stream/bench
video=$(PYTHONPATH=tests/bench python3 -c \
  'import media, pathlib, sys; print(media.plain(pathlib.Path(sys.argv[1]), "1080p").path)' "$cache")
exec {ready}< <(exec "$target/sleap-worker" --listen 127.0.0.1:0 2>/dev/null)
worker=$!
trap 'kill "$worker" 2>/dev/null || true' EXIT
read -r _ url <&"$ready"
for run in $(seq "$runs"); do
  beside=$("$target/libdatachannel/release/sleap-stream-bench-libdatachannel" 150 | awk '{ print $(NF - 1) " MB/s" }')
  echo "| libdatachannel | $run | $beside |"
  for lanes in 1 4; do
    result=$("$target/sleap-stream" --signal "$url" --stream "$video" --lanes "$lanes" 2>&1 | rate)
    echo "| sleap-stream, lanes: $lanes | $run | $result |"
  done
done
