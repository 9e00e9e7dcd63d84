#!/usr/bin/env bash
# Fuzzes what peers, cameras and files reach.
#   run.sh SECONDS [TARGET...]      each target so long, one after the other; all of them by default
# New inputs that reach new code stay in the cache; `run.sh merge` puts a minimal set of them into corpus/.
# Ends with the first target that crashes, hangs (over 5 s) or takes too much memory (over 512 MB).
set -euo pipefail
# shellcheck source=examples/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../examples/env.sh"
cd "$repo/tests/fuzz"

[ $# -ge 1 ] || fail "usage: run.sh SECONDS|merge [TARGET...]"
what=$1
shift
targets=("$@")
[ $# -gt 0 ] || for target in targets/*.rs; do targets+=("$(basename "$target" .rs)"); done

# What cargo-fuzz sets for a build without a sanitizer; so it needs no nightly toolchain.
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-$repo/target}/fuzz
# The triple keeps these flags from build scripts and macros.
triple=$(rustc -vV | sed -n 's/^host: //p')
cargo build --release --locked --quiet --target "$triple" "${targets[@]/#/--bin=}"

found=${XDG_CACHE_HOME:-$HOME/.cache}/sleap-stream/fuzz
for target in "${targets[@]}"; do
  mkdir -p "$found/$target"
  run=("$CARGO_TARGET_DIR/$triple/release/$target" -timeout=5 -rss_limit_mb=512 -max_len=16384)
  if [ "$what" = merge ]; then
    minimal=$(mktemp -d)
    "${run[@]}" -merge=1 "$minimal" "corpus/$target" "$found/$target" 2>/dev/null
    rm -f "corpus/$target"/*
    mv "$minimal"/* "corpus/$target"
    rmdir "$minimal"
    say "$target: $(find "corpus/$target" -type f | wc -l) inputs, $(du -sh --apparent-size "corpus/$target" | cut -f1)"
  else
    log=$(mktemp)
    "${run[@]}" -max_total_time="$what" -artifact_prefix="$found/$target-" -print_final_stats=1 \
      "$found/$target" "corpus/$target" >"$log" 2>&1 || { tail -n 40 "$log"; fail "$target failed; the input is in $found"; }
    say "$target: $(sed -n 's/^Done \([0-9]*\) runs in \([0-9]*\).*/\1 runs in \2 s/p' "$log"), $(grep -o 'cov: [0-9]*' "$log" | tail -n 1)," \
      "peak $(sed -n 's/^stat::peak_rss_mb: *//p' "$log") MB"
    rm -f "$log"
  fi
done
