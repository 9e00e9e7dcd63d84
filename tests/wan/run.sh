#!/usr/bin/env bash
# Both release binaries over emulated wide-area links; prints a table of rates and ages of poses.
#   run.sh [SECONDS]      a scene's length, 30 by default
# SLEAP_STREAM_BIN names another folder of binaries, with examples/wan_relay in it.
# Needs root, iproute2 and /dev/net/tun; 77 on a machine that has them not. Nothing here passes or fails.
set -euo pipefail
# shellcheck source=examples/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../examples/env.sh"
cd "$repo"

seconds=${1:-30}
# shellcheck source=tests/wan/programs.sh
. tests/wan/programs.sh

# scene RTT LOSS RATE CLIENT_OPTIONS...: one line of the table.
scene() {
  local rtt=$1 loss=$2 rate=$3 summary status=0
  shift 3
  summary=$(stream_over --rtt "$rtt" --loss "$loss" --rate "$rate" -- "$@") || status=$?
  [ "$status" = 0 ] || exit "$status"
  awk -v link="$rtt ms, $loss %, $rate Mbit/s" -v options="$*" '
    /^frames /      { seconds = $(NF - 1); mb = $5 }
    /^predictions / { poses = $2 }
    /^sent as /     { sub(/^sent as +/, ""); sub(/ at the end$/, ""); sent = $0 }
    /^  age of pose/ { p50 = $4; p95 = $6; p99 = $8 }
    END { printf "| %s | %s | %.1f | %s | %s / %s / %s | %s |\n", link, options, poses / seconds, mb, p50, p95, p99, sent }
  ' <<<"$summary"
}

echo '| round trip, loss, rate | client | poses/s | MB/s | age of pose, ms p50 / p95 / p99 | sent at the end |'
echo '|---|---|---|---|---|---|'
for loss in 0 0.1 1; do
  scene 20 "$loss" 1000 --test-pattern 640x480@30 --max-latency 200
  scene 50 "$loss" 1000 --test-pattern 640x480@30 --max-latency 300
done
scene 20 0 20 --test-pattern 1920x1080@30 --max-latency 200
scene 20 0 20 --test-pattern 1920x1080@30 --jpeg-quality 80
scene 20 0 2 --test-pattern 1920x1080@30 --max-latency 200
scene 50 1 20 --test-pattern 640x480@30 --max-latency 300
