#!/usr/bin/env bash
# Measures exported models on this machine: the worker's inference stage beside a bare session, and both
# binaries end to end beside sleap-nn. Stop other programs first.
#   models.sh MODEL_DIR:FRAMES_DIR:VIDEO ...    FRAMES_DIR holds some of the video's frames as NNNN.png
#   SLEAP_STREAM_SLEAP_NN=PYTHON                a Python that has sleap-nn[export]; else one is set up (several GB)
set -euo pipefail
# shellcheck source=examples/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../examples/env.sh"

[ $# -gt 0 ] || set -- "$repo/examples/demo/model:$repo/examples/demo/frames:$repo/examples/demo/video.mp4"
"$repo/examples/setup.sh"
if [ -z "${SLEAP_STREAM_SLEAP_NN:-}" ]; then
  venv="${XDG_CACHE_HOME:-$HOME/.cache}/sleap-stream/sleap-nn"
  [ -x "$venv/bin/sleap-nn" ] || {
    say "setting up sleap-nn in $venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install --quiet 'sleap-nn[export]==0.3.5' onnxruntime
  }
  SLEAP_STREAM_SLEAP_NN=$venv/bin/python
fi
export SLEAP_STREAM_SLEAP_NN
say "building"
(cd "$repo" && cargo build --release --locked --workspace --bins && cargo build --release --locked -p sleap-stream-pose --example pose_bench)
export SLEAP_STREAM_BENCH_BINARIES="${CARGO_TARGET_DIR:-$repo/target}/release"
exec python3 "$repo/tests/bench/models.py" "$@"
