#!/usr/bin/env bash
# The worker's page in real browsers: headless Chromium, driven by Playwright, and where it is installed
# firefox-esr (SLEAP_STREAM_TEST_FIREFOX names another). Ends with 77 where there is no Chromium. The binaries must be built.
#   run.sh [PYTEST OPTIONS...]
set -euo pipefail
# shellcheck source=examples/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../examples/env.sh"
cd "$repo"

# shellcheck source=tests/view/chromium.sh
. tests/view/chromium.sh
export SLEAP_STREAM_BIN=${SLEAP_STREAM_BIN:-${CARGO_TARGET_DIR:-$repo/target}/debug}
# The tests wait more than they compute: two run at a time.
exec "${SLEAP_STREAM_TEST_PYTHON:-$peers_venv/bin/python}" -m pytest -q -p no:cacheprovider -n 2 --dist worksteal tests/view "$@"
