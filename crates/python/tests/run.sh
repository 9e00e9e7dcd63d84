#!/usr/bin/env bash
# Tests of the Python module, against the one that the workspace's build makes. Arguments go to pytest,
# which runs in this folder.
set -euo pipefail
# shellcheck source=examples/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../../examples/env.sh"
cd "$repo"

export SLEAP_STREAM_TEST_PYTHON=${SLEAP_STREAM_TEST_PYTHON:-$peers_venv/bin/python}
export SLEAP_STREAM_NO_CONFIG=1 SLEAP_WORKER_NO_CONFIG=1
target=${CARGO_TARGET_DIR:-$repo/target}

# The features and the profile of the workspace's build: nothing is compiled twice.
[ -n "${MODULE_IS_BUILT:-}" ] || cargo build --workspace --lib --bins --locked

# The package as a wheel has it, with links to the sources.
package=$target/python/sleap_stream
rm -rf "$package"
mkdir -p "$package"
for file in crates/python/python/sleap_stream/*; do
  case $file in
    *__pycache__) ;;
    *) ln -s "$repo/$file" "$package/" ;;
  esac
done
cp "$target/debug/libsleap_stream_python.so" "$package/_native.abi3.so"

export PYTHONPATH=$target/python SLEAP_STREAM_BIN=$target/debug
cd crates/python/tests
exec "$SLEAP_STREAM_TEST_PYTHON" -m pytest -q -p no:cacheprovider "$@"
