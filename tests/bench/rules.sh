#!/usr/bin/env bash
# How long it takes from a pose that has arrived at the client until the rules have written to a serial port (a
# pseudo-terminal) and sent a datagram. Prints a table; nothing here passes or fails.
#   rules.sh [SECONDS [STRIPES]]      how long the mouse walks, 30 by default; zones, 50, with five rules each
# SLEAP_STREAM_BENCH_BINARIES names a folder with binaries that are built already. Stop other programs first.
set -euo pipefail
# shellcheck source=examples/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../examples/env.sh"
cd "$repo"

# shellcheck source=tests/bench/binaries.sh
. tests/bench/binaries.sh
exec "$peers_venv/bin/python" tests/bench/rules.py "$@"
