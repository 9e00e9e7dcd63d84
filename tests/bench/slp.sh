#!/usr/bin/env bash
# Writes the same predictions as .slp with this project and with sleap-io, and prints both; then an hour of
# frames as fast as possible, and a while at their own rate.
#   slp.sh [FRAMES [SECONDS]]    frames that both write (36,000), and how long the last run takes (20)
set -euo pipefail
# shellcheck source=examples/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../examples/env.sh"

"$repo/examples/setup.sh" --tests
say "building"
(cd "$repo" && cargo build --release --locked -p sleap-stream-labels --example fast_write)
export SLEAP_STREAM_FAST_WRITE="${CARGO_TARGET_DIR:-$repo/target}/release/examples/fast_write"
exec "$peers_venv/bin/python" "$repo/tests/bench/slp.py" "$@"
