#!/usr/bin/env bash
# Measures the release binaries on this machine, beside the Python peers and OpenCV, and prints tables.
#   run.sh           everything; about eight minutes after the first build
#   run.sh --quick   one short round of each; about three minutes
# Further options: run.sh --help. Stop other programs first: every process here wants a core of its own.
set -euo pipefail
# shellcheck source=examples/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../examples/env.sh"
cd "$repo"

./examples/setup.sh --tests
say "building"
cargo build --release --locked --workspace --bins --example loopback
export SLEAP_STREAM_TEST_PYTHON=$peers_venv/bin/python
export SLEAP_STREAM_BENCH_CACHE="${XDG_CACHE_HOME:-$HOME/.cache}/sleap-stream/bench"
export SLEAP_STREAM_BENCH_BINARIES="${CARGO_TARGET_DIR:-$repo/target}/release"
exec python3 tests/bench/bench.py "$@"
