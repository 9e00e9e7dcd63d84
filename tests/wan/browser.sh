#!/usr/bin/env bash
# A browser's camera over lossy links, with one connection and over coded lanes; prints a table.
#   browser.sh [SECONDS [LANES...]]      a scene's length, 20 by default; which lanes, 1 coded by default
# SLEAP_STREAM_BIN names the folder of binaries, with examples/wan_relay in it; the debug build by default.
# Needs root, iproute2, /dev/net/tun and Chromium; 77 on a machine that has them not. Nothing here passes or fails.
set -euo pipefail
# shellcheck source=examples/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../examples/env.sh"
cd "$repo"

seconds=${1:-20}
shift || true
all_lanes=${*:-1 coded}
export SLEAP_STREAM_BIN=${SLEAP_STREAM_BIN:-${CARGO_TARGET_DIR:-$repo/target}/debug}

echo '| round trip, loss, rate | lanes | open | poses/s | left out | lost on way | parity | age of pose, ms p50 / p95 / p99 |'
echo '|---|---|---|---|---|---|---|---|'
for link in "20 1" "50 0" "50 1" "50 3"; do
  for lanes in $all_lanes; do
    # shellcheck disable=SC2086
    "${SLEAP_STREAM_TEST_PYTHON:-$peers_venv/bin/python}" tests/wan/browser.py $link "$lanes" "$seconds"
  done
done
