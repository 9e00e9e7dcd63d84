#!/usr/bin/env bash
# How long a live stream has no poses when its worker is killed, or drains, and another worker with the same model is at the
# meeting point. Prints a table; --help has options. Nothing here passes or fails. All programs run on the same cores; stop other
# programs first.
set -euo pipefail
# shellcheck source=examples/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../examples/env.sh"
cd "$repo"

# shellcheck source=tests/bench/binaries.sh
. tests/bench/binaries.sh
exec "${SLEAP_STREAM_TEST_PYTHON:-$peers_venv/bin/python}" tests/bench/workers.py "$@"
