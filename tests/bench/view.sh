#!/usr/bin/env bash
# What a viewer costs a stream: rates without --view, with it and nobody looking, and with one viewer that
# takes 10 pictures a second, side by side in one run. Prints a table; view.sh --help has the options.
# Nothing here passes or fails. Stop other programs first: every process here wants a core of its own.
set -euo pipefail
# shellcheck source=examples/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../examples/env.sh"
cd "$repo"

cargo build --release --locked --quiet -p sleap-stream -p sleap-worker
export SLEAP_STREAM_TEST_PYTHON=${SLEAP_STREAM_TEST_PYTHON:-$peers_venv/bin/python}
export SLEAP_STREAM_BENCH_BINARIES="${CARGO_TARGET_DIR:-$repo/target}/release"
exec python3 tests/bench/view.py "$@"
