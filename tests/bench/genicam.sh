#!/usr/bin/env bash
# How old poses of a GenICam camera are, besides decoding, encoding and the model itself: Aravis's fake GigE camera in a
# network of its own, 512x512 at 30 frames/s, raw and as JPEG, with the demonstration's model. Prints a table; nothing here
# passes or fails, except that a lost frame is an error.
#   genicam.sh [ROUNDS [FRAMES]]      3 rounds of 300 frames by default
# SLEAP_STREAM_BENCH_BINARIES names a folder with binaries that are built already. 77 if this machine cannot do it.
set -euo pipefail
# shellcheck source=examples/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../examples/env.sh"
cd "$repo"

# shellcheck source=tests/bench/binaries.sh
. tests/bench/binaries.sh
# shellcheck source=tests/namespaces.sh
. tests/namespaces.sh
# shellcheck source=tests/genicam/hosts.sh
. tests/genicam/hosts.sh
enter_namespaces arv-fake-gv-camera-0.8 -- "$@"
build_hosts || unavailable "this kernel has no virtual networks"
rounds=${1:-3} frames=${2:-300}
export SLEAP_STREAM_NO_CONFIG=1 SLEAP_WORKER_NO_CONFIG=1

ready() { grep -qs '^ready: ' "$scratch/worker.out"; }

start_camera 1 "$scratch/camera.log"
in_host client "$SLEAP_STREAM_BENCH_BINARIES/sleap-worker" --listen 127.0.0.1:0 --model examples/demo/model \
  >"$scratch/worker.out" 2>"$scratch/worker.log" &
wait_until "the worker" ready
signal=$(sed -n 's/^ready: //p' "$scratch/worker.out")
camera=(--camera genicam:RIG1 --camera-set Width=512 --camera-set Height=512 --camera-set AcquisitionFrameRate=30)

# stream OPTIONS...: one line of the table.
stream() {
  if ! in_host client "$SLEAP_STREAM_BENCH_BINARIES/sleap-stream" --signal "$signal" "${camera[@]}" --max-frames "$frames" \
    -o "$scratch/poses.jsonl" --overwrite "$@" 2>"$scratch/client.log"; then
    cat "$scratch/client.log" >&2
    exit 1
  fi
  "$peers_venv/bin/python" tests/bench/genicam.py "$scratch/poses.jsonl" "${*:-raw}"
}

echo '| sent as | poses | besides, ms p50 / p95 / p99 | parts, p50 |'
echo '|---|---|---|---|'
for _ in $(seq "$rounds"); do
  stream
  stream --jpeg-quality 80
done
