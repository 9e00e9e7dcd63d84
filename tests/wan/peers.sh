#!/usr/bin/env bash
# The same pictures over lossy links of 20 Mbit/s: our live stream over coded lanes, JPEG over aiortc's data channel, and
# Chromium's video track; prints a table.
#   peers.sh [SECONDS]      a scene's length, 20 by default
# SLEAP_STREAM_BIN names another folder of binaries, with examples/wan_relay in it.
# Needs root, iproute2, /dev/net/tun and Chromium; 77 on a machine that has them not. Nothing here passes or fails.
set -euo pipefail
# shellcheck source=examples/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../examples/env.sh"
cd "$repo"
# shellcheck source=tests/view/chromium.sh
. tests/view/chromium.sh

seconds=${1:-20}
# shellcheck source=tests/wan/programs.sh
. tests/wan/programs.sh
pattern=(--test-pattern 640x480@30 --jpeg-quality 80 --lanes coded)

# ours RTT LOSS BURST: one line of the table.
ours() {
  local summary of status=0
  summary=$(stream_over --rtt "$1" --loss "$2" --burst "$3" --rate 20 -- "${pattern[@]}") || status=$?
  [ "$status" = 0 ] || exit "$status"
  mapfile -t of < <(figures <<<"$summary")
  printf '| %s ms, %s %%, %s | sleap-stream, coded lanes | %s | %.1f | %s | %s | %s | %.0f / %.0f / %.0f |\n' "$@" "${of[@]}"
}

# What the others stream.
recording=$WAN_LOG/pictures.mkv
seconds=60 stream_over --rtt 20 --rate 20 -- "${pattern[@]}" --max-frames 90 --record "$recording" >/dev/null

echo '| round trip, loss, packets in a row | stream | poses/s | MB/s | dropped | lost on way | parity | age of pose, ms p50 / p95 / p99 |'
echo '|---|---|---|---|---|---|---|---|'
for link in "50 0 1" "50 1 1" "50 3 1" "50 1 3" "20 1 1" "100 5 1"; do
  # shellcheck disable=SC2086
  ours $link
  for peer in aiortc decoded shown; do
    # shellcheck disable=SC2086
    "${SLEAP_STREAM_TEST_PYTHON:-$peers_venv/bin/python}" tests/wan/peers.py "$peer" $link "$seconds" "$recording"
  done
done
