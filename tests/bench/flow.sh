#!/usr/bin/env bash
# Optical flow beside OpenCV's.
#   flow.sh [ROUNDS]
set -euo pipefail
# shellcheck source=examples/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../examples/env.sh"

"$repo/examples/setup.sh" --tests
say "building"
(cd "$repo" && cargo build --release --locked -p sleap-stream-flow --example flow)
export SLEAP_STREAM_FLOW="${CARGO_TARGET_DIR:-$repo/target}/release/examples/flow"
exec "$peers_venv/bin/python" "$repo/tests/bench/flow.py" "$@"
