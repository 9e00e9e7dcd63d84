#!/usr/bin/env bash
# Everything that is checked before a change is taken: set-up, style, and all tests. CI runs this.
# Ends at the first group that fails; what ran is listed at the end.
set -euo pipefail
# shellcheck source=examples/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../examples/env.sh"
cd "$repo"

# The Python of the peers, for the tests that talk to them.
export SLEAP_STREAM_TEST_PYTHON=$peers_venv/bin/python
if [ "$(uname -m)" = x86_64 ]; then export TEST_ONNXRUNTIME_OPENVINO=$openvino_dir; fi
export RUST_BACKTRACE=1
# The settings of the user who runs the tests are none of theirs.
export SLEAP_STREAM_NO_CONFIG=1 SLEAP_WORKER_NO_CONFIG=1

# What is built for the first time is built once: nothing is gained by what the next build could use.
[ -d "${CARGO_TARGET_DIR:-target}" ] || export CARGO_INCREMENTAL=0

scratch=$(mktemp -d)
summary=() failed=
finish() {
  local status=$? jobs
  mapfile -t jobs < <(jobs -p)
  [ "${#jobs[@]}" = 0 ] || kill "${jobs[@]}" 2>/dev/null || true
  rm -rf "$scratch"
  printf '\nSummary (%s s)\n' "$SECONDS"
  printf '  %s\n' "${summary[@]}"
  exit "$status"
}
trap finish EXIT

# outcome WHAT SECONDS STATUS: a line of the summary; 77 means that this machine cannot do it.
outcome() {
  case $3 in
    0) summary+=("passed   $1 ($2 s)") ;;
    77) summary+=("SKIPPED  $1: not possible on this machine, see above") ;;
    *)
      summary+=("FAILED   $1 (status $3)")
      failed=yes
      ;;
  esac
}

# group WHAT COMMAND...: runs the command; a failure ends the run.
group() {
  local what=$1 started=$SECONDS status=0
  shift
  printf '\n'
  say "$what: $*"
  "$@" || status=$?
  outcome "$what" $((SECONDS - started)) "$status"
  [ -z "$failed" ] || exit 1
}

# lane WHAT COMMAND [WHAT COMMAND]...: runs groups one after the other, beside the other lanes. Groups that
# mostly wait leave the cores to each other. What a group printed comes in one piece when it has ended.
lane() {
  (
    while [ $# -gt 0 ]; do
      started=$SECONDS status=0
      "$2" >"$scratch/$1.log" 2>&1 || status=$?
      {
        flock 9
        printf '\n'
        say "$1: $2, $((SECONDS - started)) s"
        cat "$scratch/$1.log"
        echo "$((SECONDS - started)) $status $1" >>"$scratch/outcomes"
      } 9>"$scratch/lock"
      shift 2
    done
  ) &
}

# Waits for all lanes; any failure fails the run.
together() {
  local seconds status what
  wait
  while read -r seconds status what; do
    outcome "$what" "$seconds" "$status"
  done <"$scratch/outcomes"
  [ -z "$failed" ] || exit 1
}

# Scripts and Python of the whole repository.
scripts() {
  git ls-files -z '*.sh' .ci/run | xargs -0 shellcheck -x &&
    "$peers_venv/bin/ruff" check . && "$peers_venv/bin/ruff" format --check .
}

# The fuzz targets are a workspace of their own, whose lock file must follow this one.
fuzz_lock() {
  cargo metadata --locked --format-version 1 --manifest-path tests/fuzz/Cargo.toml >/dev/null
}

documentation() {
  RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --locked
}

# Rust tests whose names have these words run at the end of the other lanes, which are shorter otherwise.
second_share=(several_ silence:: sources:: stored_workers:: terminal:: tracking:: two_workers:: whole_)
third_share=(reconnect:: record:: refine:: renewal:: room:: worker_rules::)

# cargo_test WORD...: all test programs with these words. Two tests run at a time.
cargo_test() {
  RUST_TEST_THREADS=2 cargo test --workspace --lib --bins --tests --locked --no-fail-fast -- "$@"
}

rust_tests() {
  local words=() word
  for word in "${second_share[@]}" "${third_share[@]}"; do
    words+=(--skip "$word")
  done
  cargo_test "${words[@]}" && cargo test --workspace --doc --locked
}

second_rust_tests() {
  cargo_test "${second_share[@]}"
}

third_rust_tests() {
  cargo_test "${third_share[@]}"
}

# The tests of the models' numbers, which OpenVINO calculates here. It takes 32 bits for exports of 16, and one frame of 50 has two
# neighbouring cells whose values are equal to five digits.
openvino() {
  [ -n "${TEST_ONNXRUNTIME_OPENVINO:-}" ] || return 0
  ORT_DYLIB_PATH=$TEST_ONNXRUNTIME_OPENVINO RUST_TEST_THREADS=2 cargo test --workspace --test it --locked -- \
    fixtures:: kinds:: parity::exported parity::the_demo refine_demo::the_parabola toys:: --skip capture:: \
    --skip gray_frames --skip refined_points --skip skeletons_are \
    --skip single_instance_of_half_precision --skip exported_multi_class_bottomup
}

python_peers() {
  "$SLEAP_STREAM_TEST_PYTHON" -m pytest -q -p no:cacheprovider tests/python
}

# The Python module, which the workspace's build has made.
python_module() {
  MODULE_IS_BUILT=yes crates/python/tests/run.sh
}

# Live frames over the worst link of the emulation.
coded_lanes() {
  SLEAP_STREAM_BIN=${CARGO_TARGET_DIR:-$repo/target}/debug tests/wan/short.sh
}

# Two minutes of random faults. Building the tests has built the emulated link.
soak() {
  SLEAP_STREAM_BIN=${CARGO_TARGET_DIR:-$repo/target}/debug tests/soak/run.sh 120
}

# The README's first command does what it promises, with the programs that the tests use: to build those of the release
# profile, too, would take a quarter of the whole.
quickstart() {
  rm -rf demo-out
  SLEAP_STREAM_BIN=${CARGO_TARGET_DIR:-$repo/target}/debug ./examples/quickstart.sh || return 1
  if [ "$(wc -l <demo-out/predictions.jsonl)" != 240 ] || [ ! -s demo-out/snapshot.png ]; then
    say "demo-out does not hold the poses of 240 frames and a picture"
    return 1
  fi
}

group "set-up" ./examples/setup.sh --tests
group "format" cargo fmt --all --check
group "scripts" scripts
group "lock file of the fuzz targets" fuzz_lock
group "lints" cargo clippy --workspace --all-targets --locked -- -D warnings
group "documentation" documentation
# With all targets at once, what both programs depend on is compiled once. Tests of the whole start the programs
# from the target folder.
group "build" cargo build --workspace --all-targets --locked
# It measures when pictures were shown and seen: what runs beside it would be measured, too.
group "camera" tests/webcam/run.sh
printf '\n'
say "tests of the whole, in three lanes"
lane "Rust tests" rust_tests
lane "Python peers" python_peers "Python module" python_module "NAT" tests/nat/run.sh "SLURM" tests/slurm/run.sh "Triton" tests/triton/run.sh "GenICam" tests/genicam/run.sh "quickstart" quickstart "OpenVINO" openvino "Rust tests, second share" second_rust_tests
lane "coded lanes" coded_lanes "soak" soak "live view" tests/view/run.sh "Rust tests, third share" third_rust_tests
together
