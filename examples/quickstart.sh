#!/usr/bin/env bash
# Sets up, builds, and streams the demonstration video to a worker on this machine.
# Leaves the poses in demo-out/predictions.jsonl and a picture with the skeleton in demo-out/snapshot.png.
# SLEAP_STREAM_BIN names a folder of programs that are built already.
set -euo pipefail
# shellcheck source=examples/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/env.sh"
cd "$repo"

./examples/setup.sh
binaries=${SLEAP_STREAM_BIN:-}
if [ -z "$binaries" ]; then
  say "building (the first time takes some minutes)"
  cargo build --release --bins
  binaries=${CARGO_TARGET_DIR:-target}/release
fi
mkdir -p demo-out

worker_options=(--model examples/demo/model)
if (: </dev/tcp/127.0.0.1/8080) 2>/dev/null; then
  say "port 8080 is in use on this machine: the worker takes another one"
  worker_options+=(--listen 127.0.0.1:0)
fi

say "sleap-worker ${worker_options[*]}"
coproc worker { exec "$binaries/sleap-worker" "${worker_options[@]}" 2>demo-out/worker.log; }
worker_pid=$!
trap 'kill "$worker_pid" 2>/dev/null || true' EXIT

signal=
# A worker that has ended already has taken its array with it.
ready=${worker[0]:-}
while [ -n "$ready" ] && [ -z "$signal" ] && read -r line <&"$ready"; do
  case $line in "ready: "*) signal=${line#ready: } ;; esac
done 2>/dev/null
[ -n "$signal" ] || { cat demo-out/worker.log >&2; fail "the worker did not start (see above)"; }

say "sleap-stream --stream examples/demo/video.mp4 --signal $signal; every 40th pose:"
"$binaries/sleap-stream" --stream examples/demo/video.mp4 --signal "$signal" --overwrite \
  --output demo-out/predictions.jsonl --output - --snapshot demo-out/snapshot.png |
  sed -n '1~40p' || fail "streaming failed (see above); what the worker said is in demo-out/worker.log"

say "poses of $(wc -l <demo-out/predictions.jsonl) frames: demo-out/predictions.jsonl"
say "the last frame with its skeleton: demo-out/snapshot.png"
say "next: sleap-worker --model MODEL on the machine with the GPU, sleap-stream --webcam 0 where the camera is"
