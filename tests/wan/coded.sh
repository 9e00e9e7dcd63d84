#!/usr/bin/env bash
# The same live stream over lossy links with one lane, with eight, and with coded lanes; prints a table.
#   coded.sh [SECONDS]      a scene's length, 20 by default
# SLEAP_STREAM_BIN names another folder of binaries, with examples/wan_relay in it.
# Needs root, iproute2 and /dev/net/tun; 77 on a machine that has them not. Nothing here passes or fails.
set -euo pipefail
# shellcheck source=examples/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../examples/env.sh"
cd "$repo"

seconds=${1:-20}
# shellcheck source=tests/wan/programs.sh
. tests/wan/programs.sh

# scene RTT LOSS BURST LANES: one line of the table.
scene() {
  local rtt=$1 loss=$2 burst=$3 lanes=$4 summary status=0
  summary=$(stream_over --rtt "$rtt" --loss "$loss" --burst "$burst" --rate 20 -- \
    --test-pattern 640x480@30 --jpeg-quality 80 --lanes "$lanes") || status=$?
  [ "$status" = 0 ] || exit "$status"
  awk -v link="$rtt ms, $loss %, $burst" -v lanes="$lanes" '
    /^frames /      { seconds = $(NF - 1) }
    /^predictions / { poses = $2 }
    /^dropped /     { dropped = $2 }
    /^lost on way / { lost = $4 }
    /^  age of pose/ { p50 = $4; p95 = $6; p99 = $8 }
    END { printf "| %s | %s | %.1f | %d | %d | %s / %s / %s |\n", link, lanes, poses / seconds, dropped, lost, p50, p95, p99 }
  ' <<<"$summary"
}

echo '| round trip, loss, packets in a row | lanes | poses/s | dropped | lost on way | age of pose, ms p50 / p95 / p99 |'
echo '|---|---|---|---|---|---|'
for link in "50 0 1" "50 1 1" "50 3 1" "50 1 3" "20 1 1" "100 5 1"; do
  for lanes in 1 8 coded; do
    # shellcheck disable=SC2086
    scene $link "$lanes"
  done
done
