#!/usr/bin/env bash
# How a live stream and a TCP connection in the same direction share a link of 20 Mbit/s; prints a table.
#   fair.sh [SECONDS]      a scene's length, 30 by default
# SLEAP_STREAM_BIN names another folder of binaries, with examples/wan_relay in it.
# Needs root, iproute2 and /dev/net/tun; 77 on a machine that has them not. Nothing here passes or fails.
set -euo pipefail
# shellcheck source=examples/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../examples/env.sh"
cd "$repo"

# tcp SECONDS: one connection from host A to host B; what it brings in each second.
tcp() {
  exec {ready}< <(exec ip netns exec "$WAN_B" python3 tests/wan/tcp.py sink "$1" 2>&1 >"$WAN_LOG/tcp.txt")
  read -r -t 60 _ <&"$ready"
  ip netns exec "$WAN_A" python3 tests/wan/tcp.py source 10.77.0.2
}

# This script again, within a link.
if [ "${1:-}" = inside ]; then
  seconds=$2
  shift 2
  tcp "$seconds" &
  [ $# = 0 ] || tests/wan/stream.sh "$seconds" --model examples/demo/model -- "$@"
  wait
  exit
fi

seconds=${1:-30}
# shellcheck source=tests/wan/programs.sh
. tests/wan/programs.sh

# over_link COMMAND...: on a link of 50 ms and 20 Mbit/s that loses nothing but what its queue does not hold.
over_link() {
  tests/wan/wan.py --rtt 50 --rate 20 --relay "$SLEAP_STREAM_BIN/examples/wan_relay" -- "$@"
}

# scene NAME [STREAM_OPTIONS...]: one line of the table.
scene() {
  local name=$1 summary='' status=0
  shift
  summary=$(over_link tests/wan/fair.sh inside "$seconds" "$@") || status=$?
  [ "$status" = 0 ] || exit "$status"
  awk -v name="$name" '
    FILENAME != "-" { if (FNR > 4) { tcp += $1; n++ }; next }
    /^frames /       { mbit = $5 * 8 }
    /^predictions /  { poses = $2 }
    /^frames /       { seconds = $(NF - 1) }
    /^  age of pose/ { age = $4 " / " $6 " / " $8 }
    END { printf "| %s | %.1f | %.1f | %.1f | %s |\n", name, tcp / n, mbit, (seconds ? poses / seconds : 0), age }
  ' "$WAN_LOG/tcp.txt" - <<<"$summary"
}

echo '| | TCP, Mbit/s | frames, Mbit/s | poses/s | age of pose, ms p50 / p95 / p99 |'
echo '|---|---|---|---|---|'
scene 'TCP alone'
for lanes in 1 coded; do
  scene "640x480, lanes $lanes" --test-pattern 640x480@30 --jpeg-quality 80 --lanes "$lanes"
  scene "1080p, lanes $lanes" --test-pattern 1920x1080@30 --jpeg-quality 80 --lanes "$lanes"
done
