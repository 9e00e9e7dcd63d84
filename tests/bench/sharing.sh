#!/usr/bin/env bash
# What streams that share a worker cost each other: the rate of four beside that of one, their shares, and the age of a
# camera's poses beside a file at full speed. Prints a table; --help has options. Nothing here passes or fails. The clients
# run on the same cores; stop other programs first.
set -euo pipefail
# shellcheck source=examples/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../examples/env.sh"
cd "$repo"

# shellcheck source=tests/bench/binaries.sh
. tests/bench/binaries.sh
exec "${SLEAP_STREAM_TEST_PYTHON:-$peers_venv/bin/python}" tests/bench/sharing.py "$@"
