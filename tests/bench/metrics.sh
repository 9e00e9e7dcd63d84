#!/usr/bin/env bash
# What counting costs: the same stream to a worker that counts and is asked once a second, and to one that does
# neither, in turns. Prints a table; --help has options.
# Nothing here passes or fails. Stop other programs first.
#   SLEAP_STREAM_BENCH_BINARIES=FOLDER     programs to use instead of building those of the release profile
set -euo pipefail
# shellcheck source=examples/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../examples/env.sh"
cd "$repo"

# shellcheck source=tests/bench/binaries.sh
. tests/bench/binaries.sh
exec python3 tests/bench/metrics.py "$@"
