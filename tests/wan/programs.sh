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
