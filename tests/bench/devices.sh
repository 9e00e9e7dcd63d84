#!/usr/bin/env bash
# What a model gains from several devices: the rate of two sessions on the CPU beside that of one, and of two workers. Prints
# a table; --help has options. Nothing here passes or fails. The clients run on the same cores; stop other programs first.
set -euo pipefail
# shellcheck source=examples/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../examples/env.sh"
cd "$repo"

# shellcheck source=tests/bench/binaries.sh
. tests/bench/binaries.sh
exec "${SLEAP_STREAM_TEST_PYTHON:-$peers_venv/bin/python}" tests/bench/devices.py "$@"
