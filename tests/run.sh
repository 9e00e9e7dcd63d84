#!/usr/bin/env bash
# Everything that is checked before a change is taken: set-up, style, and all tests. CI runs this.
# Ends at the first group that fails; what ran is listed at the end.
set -euo pipefail
# shellcheck source=examples/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../examples/env.sh"
cd "$repo"

# The Python of the peers, for the tests that talk to them.
export SLEAP_STREAM_TEST_PYTHON=$peers_venv/bin/python
export RUST_BACKTRACE=1
# Settings of whoever runs the tests are none of theirs.
export SLEAP_STREAM_NO_CONFIG=1 SLEAP_WORKER_NO_CONFIG=1

summary=()
finish() {
  local status=$?
  printf '\nSummary\n'
  printf '  %s\n' "${summary[@]}"
  exit "$status"
}
trap finish EXIT

# group WHAT COMMAND...: runs the command; 77 means that this machine cannot do it.
group() {
  local what=$1 started=$SECONDS status=0
  shift
  printf '\n'
  say "$what: $*"
  "$@" || status=$?
  case $status in
    0) summary+=("passed   $what ($((SECONDS - started)) s)") ;;
    77) summary+=("SKIPPED  $what: not possible on this machine, see above") ;;
    *)
      summary+=("FAILED   $what (status $status)")
      exit 1
      ;;
  esac
}

# The README's first command does what it promises.
quickstart() {
  rm -rf demo-out
  ./examples/quickstart.sh || return 1
  [ "$(wc -l <demo-out/predictions.jsonl)" = 240 ] && [ -s demo-out/snapshot.png ] || {
    say "demo-out does not hold the poses of 240 frames and a picture"
    return 1
  }
}

# Two minutes of random faults. `cargo test` has built the emulated link.
soak() {
  SLEAP_STREAM_BIN=${CARGO_TARGET_DIR:-$repo/target}/debug tests/soak/run.sh 120
}

# The fuzz targets are a workspace of their own, whose lock file must follow this one.
fuzz_lock() {
  cargo metadata --locked --format-version 1 --manifest-path tests/fuzz/Cargo.toml >/dev/null
}

group "set-up" ./examples/setup.sh --tests
group "format" cargo fmt --all --check
group "lints" cargo clippy --workspace --all-targets --locked -- -D warnings
group "lock file of the fuzz targets" fuzz_lock
group "Python peers" "$SLEAP_STREAM_TEST_PYTHON" -m pytest -q -p no:cacheprovider tests/python
# Tests of the whole start the binaries from the target folder.
group "binaries" cargo build --workspace --bins --locked
group "Rust tests" cargo test --workspace --locked --no-fail-fast
group "camera" tests/webcam/run.sh
group "NAT" tests/nat/run.sh
group "soak" soak
group "live view" tests/view/run.sh
group "quickstart" quickstart
