#!/usr/bin/env bash
# A long stream with random faults (soak.py), over an emulated link where this machine can have one.
#   run.sh [SECONDS [SOAK_OPTIONS...]]      two minutes by default
# Uses the programs in SLEAP_STREAM_BIN (with examples/wan_relay in it), or builds those of the release profile.
set -euo pipefail
# shellcheck source=examples/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../examples/env.sh"
cd "$repo"

seconds=${1:-120}
shift || true
target=${CARGO_TARGET_DIR:-$repo/target}/release
export SLEAP_STREAM_BIN=${SLEAP_STREAM_BIN:-$target}
if [ "$SLEAP_STREAM_BIN" = "$target" ]; then
  cargo build --release --locked --quiet -p sleap-stream -p sleap-worker
  cargo build --release --locked --quiet -p sleap-stream-tests --example wan_relay
fi
soak=(python3 tests/soak/soak.py --seconds "$seconds" "$@")

# A dry run tells whether there can be a link.
link=(tests/wan/wan.py --rtt 4 --loss 0.005 --rate 1000 --relay "$SLEAP_STREAM_BIN/examples/wan_relay" --)
if "${link[@]}" true 2>/dev/null; then
  exec "${link[@]}" "${soak[@]}"
fi
say "no emulated link on this machine: both programs on loopback, without the link's faults"
exec "${soak[@]}"
