# shellcheck shell=bash
# Sourced at the repository's root, with a scene's length in `seconds`: builds what streams over emulated links need, unless
# SLEAP_STREAM_BIN names another folder of binaries, with examples/wan_relay in it.
target=${CARGO_TARGET_DIR:-${repo:?}/target}/release
export SLEAP_STREAM_BIN=${SLEAP_STREAM_BIN:-$target}
if [ "$SLEAP_STREAM_BIN" = "$target" ]; then
  cargo build --release --locked --quiet -p sleap-stream -p sleap-worker
  cargo build --release --locked --quiet -p sleap-stream-tests --example wan_relay
fi
WAN_LOG=$(mktemp -d)
export WAN_LOG
trap 'rm -rf "$WAN_LOG"' EXIT

# stream_over LINK_OPTIONS... -- CLIENT_OPTIONS...: the client's summary of a stream over such a link.
stream_over() {
  local link=()
  while [ "$1" != -- ]; do link+=("$1"); shift; done
  shift
  tests/wan/wan.py "${link[@]}" --relay "$SLEAP_STREAM_BIN/examples/wan_relay" -- \
    tests/wan/stream.sh "${seconds:?}" --model examples/demo/model -- "$@"
}

# figures: of a client's summary, one a line: poses/s, MB/s, dropped frames, frames lost on the way, parity, and the
# ages of poses in ms at the 50th, 95th and 99th percentile.
figures() {
  awk '
    /^frames /       { seconds = $(NF - 1); megabytes = $5 }
    /^predictions /  { poses = $2 }
    /^dropped /      { dropped = $2 }
    /^lost on way /  { lost = $4 }
    /^parity /       { parity = $2 " %" }
    /^  age of pose/ { p50 = $4; p95 = $6; p99 = $8 }
    END { printf "%.1f\n%s\n%d\n%d\n%s\n%s\n%s\n%s\n", poses / seconds, megabytes, dropped, lost, parity, p50, p95, p99 }
  '
}
