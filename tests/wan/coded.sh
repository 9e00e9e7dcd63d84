#!/usr/bin/env bash
# The same live stream over lossy links with one lane, with eight, and with coded lanes; prints a table.
#   coded.sh [SECONDS [LANES...]]      a scene's length, 20 by default; which lanes, 1 8 coded by default
# SLEAP_STREAM_BIN names another folder of binaries, with examples/wan_relay in it.
# Needs root, iproute2 and /dev/net/tun; 77 on a machine that has them not. Nothing here passes or fails.
set -euo pipefail
# shellcheck source=examples/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../examples/env.sh"
cd "$repo"

seconds=${1:-20}
shift || true
all_lanes=${*:-1 8 coded}
# shellcheck source=tests/wan/programs.sh
. tests/wan/programs.sh

# scene RTT LOSS BURST RATE SIZE LANES: one line of the table.
scene() {
  local rtt=$1 loss=$2 burst=$3 rate=$4 size=$5 lanes=$6 summary of status=0
  summary=$(stream_over --rtt "$rtt" --loss "$loss" --burst "$burst" --rate "$rate" -- \
    --test-pattern "$size@30" --jpeg-quality 80 --lanes "$lanes") || status=$?
  [ "$status" = 0 ] || exit "$status"
  mapfile -t of < <(figures <<<"$summary")
  printf '| %s ms, %s %%, %s, %s Mbit/s | %s | %s | %s | %s | %s | %s | %s / %s / %s |\n' \
    "$rtt" "$loss" "$burst" "$rate" "$size" "$lanes" "${of[0]}" "${of[@]:2}"
}

echo '| round trip, loss, packets in a row, rate | frames | lanes | poses/s | dropped | lost on way | parity | age of pose, ms p50 / p95 / p99 |'
echo '|---|---|---|---|---|---|---|---|'
for link in "50 0 1" "50 1 1" "50 3 1" "50 1 3" "20 0 1" "20 1 1" "100 0 1" "100 5 1"; do
  for lanes in $all_lanes; do
    # shellcheck disable=SC2086
    scene $link 20 640x480 "$lanes"
  done
done
for loss in 0 1; do
  for lanes in $all_lanes; do
    scene 50 "$loss" 1 100 1920x1080 "$lanes"
  done
done
