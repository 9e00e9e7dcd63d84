# shellcheck shell=bash
# Sourced at the repository's root: builds the programs of the release profile, unless SLEAP_STREAM_BENCH_BINARIES
# names a folder with binaries that are built already.
if [ -z "${SLEAP_STREAM_BENCH_BINARIES:-}" ]; then
  cargo build --release --locked --quiet -p sleap-stream -p sleap-worker
  export SLEAP_STREAM_BENCH_BINARIES="${CARGO_TARGET_DIR:-${repo:?}/target}/release"
fi
