#!/usr/bin/env bash
# How long a pose takes from the moment it exists to a consumer in Python on the same machine, over UDP, OSC and
# ZeroMQ; and what consumers that are absent or stalled cost the stream. Prints tables; nothing here passes or fails.
#   emit.sh [POSES [ROUNDS]]      poses of each latency, 3000 by default, and rounds of the rates, 5
# SLEAP_STREAM_BENCH_BINARIES names a folder with binaries that are built already. Stop other programs first.
set -euo pipefail
# shellcheck source=examples/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../examples/env.sh"
cd "$repo"

# shellcheck source=tests/bench/binaries.sh
. tests/bench/binaries.sh
exec "$peers_venv/bin/python" tests/bench/emit.py "$@"
