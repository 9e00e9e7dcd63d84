#!/usr/bin/env bash
# What a viewer that takes 10 pictures a second costs a stream: within one run it looks on for a second, looks
# away for one, and so on, and the rates beside each other are compared. Prints a table; --help has options.
# Nothing here passes or fails. The viewer runs on the same cores; stop other programs first.
set -euo pipefail
# shellcheck source=examples/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../examples/env.sh"
cd "$repo"

# shellcheck source=tests/bench/binaries.sh
. tests/bench/binaries.sh
exec "${SLEAP_STREAM_TEST_PYTHON:-$peers_venv/bin/python}" tests/bench/view.py "$@"
