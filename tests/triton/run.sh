#!/usr/bin/env bash
# The worker with the real Triton server as its engine: poses beside those of a session of its own, rates beside Triton's own
# Python client, and a server that is killed in mid-stream. 77 if this machine cannot do it. Needs the debug build;
# SLEAP_STREAM_BIN names another folder of binaries.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=examples/env.sh
. "$here/../../examples/env.sh"
# shellcheck source=tests/checks.sh
. "$repo/tests/checks.sh"
# shellcheck source=tests/namespaces.sh
. "$repo/tests/namespaces.sh"
binaries=${SLEAP_STREAM_BIN:-${CARGO_TARGET_DIR:-$repo/target}/debug}
demo=$repo/examples/demo
export SLEAP_STREAM_NO_CONFIG=1 SLEAP_WORKER_NO_CONFIG=1 NO_COLOR=1

# Triton's Python part needs the system's own Python; other tests' packages do not go with it.
ensure_triton() {
  local installed=$triton_venv/requirements.txt
  cmp -s "$here/requirements.txt" "$installed" && return
  say "installing Triton into $triton_venv"
  rm -rf "$triton_venv"
  /usr/bin/python3 -m venv "$triton_venv" || unavailable "python3-venv is missing: run examples/setup.sh --tests"
  env -u PYTHONPATH -u PYTHONHOME PIP_USER=0 PIP_DISABLE_PIP_VERSION_CHECK=1 \
    "$triton_venv/bin/python" -m pip --quiet install --requirement "$here/requirements.txt" ||
    unavailable "it cannot be installed here"
  cp "$here/requirements.txt" "$installed"
}

[ -n "${INSIDE_NAMESPACES:-}" ] || ensure_triton
# In a network of its own nothing else takes the ports that Triton is given.
enter_namespaces setsid -- "$@"
ip link set lo up
cd "$scratch"
server='' worker=''
stop() {
  [ -z "$worker" ] || kill -INT "$worker" 2>/dev/null || true
  [ -z "$server" ] || kill_triton
  cd / && rm -rf "$scratch"
}
kill_triton() {
  kill -KILL -- "-$server" 2>/dev/null || true
  wait "$server" 2>/dev/null || true
  server=
}
trap stop EXIT

# Waits until a file has a line; fails where the process that writes it has ended.
has_line() { # FILE WORDS PROCESS
  grep -q -m 1 "$2" < <(tail --pid="$3" -n +1 -F "$1" 2>/dev/null)
}

# start_triton PORT: 0 is a free one, which is in $port then.
start_triton() {
  : >triton.ready
  # Its working files go with this script.
  setsid env HOME="$scratch" "$triton_venv/bin/python" "$here/serve.py" "$demo/model" mouse "$1" triton.ready >triton.log 2>&1 &
  server=$!
  has_line triton.ready '^serving mouse' "$server" || { cat triton.log; fail "Triton has not started"; }
  port=$(sed -n 's/^serving mouse at //p' triton.ready)
}

# start_worker NAME OPTIONS...: its address is in $signal.
start_worker() {
  local name=$1
  shift
  : >"$name.out"
  "$binaries/sleap-worker" --listen 127.0.0.1:0 --model "$demo/model" "$@" >"$name.out" 2>"$name.log" &
  worker=$!
  has_line "$name.out" '^ready: ' "$worker" || { cat "$name.log"; fail "the worker $name has not started"; }
  signal=$(sed -n 's/^ready: //p' "$name.out")
}

stop_worker() {
  kill -INT "$worker"
  wait "$worker" || true
  worker=
}

# stream NAME OPTIONS...: the demonstration's video, as JSON lines and .slp.
stream() {
  local name=$1
  shift
  "$binaries/sleap-stream" --signal "$signal" --stream "$demo/video.mp4" -o "$name.jsonl" -o "$name.slp" "$@" 2>"$name.client"
}

# poses NAME: what each frame has, without times.
poses() { sed -E 's/,"(timing|captured_us|clock|latency_us|latency|received_us)":.*//' "$1.jsonl"; }

start_triton 0
engine=grpc://127.0.0.1:$port/mouse

# --- Poses.
start_worker local --device cpu
check "local: the stream ends well" stream local
stop_worker
start_worker served --engine "$engine"
check "served: the stream ends well" stream served
check "served: it has the poses of all frames" [ "$(wc -l <served.jsonl)" = 240 ]
check "served: every pose is that of the local session" cmp <(poses local) <(poses served)
check "served: so are those of a client's batches" stream batches --batch-size 8
check "batches: every pose is that of the local session" cmp <(poses local) <(poses batches)
stop_worker
start_worker large --engine "$engine" --max-batch 8 --engine-requests 2
check "batches of 8: the stream ends well" stream large --batch-size 8
# A graph that runs on several images at once rounds otherwise, on whatever machine.
check "batches of 8: every pose is that of the local session, but for rounding" \
  "$triton_venv/bin/python" "$here/distance.py" local.jsonl large.jsonl 0.001
stop_worker

# --- What does not fit.
refuses() { # WORDS OPTIONS...
  local words=$1
  shift
  ! "$binaries/sleap-worker" --listen 127.0.0.1:0 --model "$demo/model" "$@" >refused.log 2>&1 && grep -q -- "$words" refused.log
}
check "a model that is not there is named" refuses "does not serve the model 'rat'" --engine "grpc://127.0.0.1:$port/rat"
check "so is a version" refuses "does not serve the model 'mouse:7'" --engine "grpc://127.0.0.1:$port/mouse:7"
check "a batch that is too large is refused" refuses '8 frames in one call at most' --engine "$engine" --max-batch 9

# --- A server that is killed in mid-stream and comes back.
start_worker killed --engine "$engine" --engine-wait 120
stream killed --fps 30 --reconnect-timeout 120 &
client=$!
has_line killed.jsonl '"frame_id":40,' "$client" || fail "there are no poses"
kill_triton
has_line killed.log 'the inference server is away' "$worker" || fail "the worker has not noticed"
start_triton "$port"
check "killed: the stream ends well" wait "$client"
check "killed: it has what an undisturbed one has" cmp <(poses local) <(poses killed)
check "killed: the worker says that the server is back" grep -q 'the inference server is back' killed.log
stop_worker
check "no worker logged an error" [ -z "$(grep -h ' ERROR ' ./*.log)" ]

# --- Rates, not judged: this machine has other things to do. TRITON_ROUNDS more rounds give better medians.
median() { sort -n | awk '{ all[NR] = $1 } END { print all[int((NR + 1) / 2)] }'; }
for requests in 1 4; do
  : >python.rates
  : >worker.rates
  for _ in $(seq "${TRITON_ROUNDS:-3}"); do
    "$triton_venv/bin/python" "$here/rate.py" "127.0.0.1:$port" mouse 192 256 "$requests" 1 >>python.rates
    "$binaries/sleap-worker" doctor --model "$demo/model" --engine "$engine" --engine-requests "$requests" |
      sed -n "s/.*$requests at a time *\([0-9.]*\) frames.*/\1/p" >>worker.rates
  done
  echo "$requests at a time, frames/s: sleap-worker $(median <worker.rates), Triton's Python client $(median <python.rates)"
done
count_checks
