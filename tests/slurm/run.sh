#!/usr/bin/env bash
# The cluster's job script on a real SLURM: an array of workers that meet their clients at one signaling server. 77 if this
# machine cannot do it. Needs root and the debug build; SLEAP_STREAM_BIN names another folder of binaries.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo=$(cd "$here/../.." && pwd)
# shellcheck source=tests/checks.sh
. "$repo/tests/checks.sh"
# shellcheck source=tests/namespaces.sh
. "$repo/tests/namespaces.sh"
# shellcheck source=tests/slurm/cluster.sh
. "$here/cluster.sh"
binaries=${SLEAP_STREAM_BIN:-${CARGO_TARGET_DIR:-$repo/target}/debug}
demo=$repo/examples/demo

[ "$(id -u)" = 0 ] || unavailable "SLURM's daemons need root"
enter_namespaces munged sbatch slurmctld slurmd -- "$@"
start_cluster
export SLEAP_STREAM_NO_CONFIG=1 SLEAP_WORKER_NO_CONFIG=1 NO_COLOR=1
SLEAP_ROOM_SECRET=$(head -c 32 /dev/urandom | base64)
export SLEAP_ROOM_SECRET
cd "$scratch"

# says LOG WORDS [COUNT]: a log has so many lines with these words, 1 by default.
says() { [ "$(grep -Ec "$2" "$scratch/$1" 2>/dev/null)" -ge "${3:-1}" ]; }

# --- The meeting point is on the login node, the workers are an array of jobs.
"$binaries/sleap-worker" signal --listen 127.0.0.1:8080 >"$scratch/signal.log" 2>&1 &
wait_until "the signaling server" says signal.log '^ready: '
export SLEAP_WORKER="$binaries/sleap-worker" SLEAP_WORKER_SIGNAL=ws://127.0.0.1:8080
job=$(sbatch --parsable --array=0-2 --output='worker-%a.log' "$repo/examples/cluster/slurm/worker.sbatch" "$demo/model" --device cpu)
for task in 0 1 2; do wait_until "the worker $task" says "worker-$task.log" '^ready: '; done
check "each job has a node of its own" [ "$(squeue --noheader --array --format %N | sort -u | wc -l)" = 3 ]

# client NAME OPTIONS...: one in the background.
client() {
  local name=$1
  shift
  "$binaries/sleap-stream" --signal ws://127.0.0.1:8080 --stream "$demo/video.mp4" -o "$scratch/$name.jsonl" -v "$@" \
    2>"$scratch/$name.log" &
  clients+=($!)
}

# poses NAME: what each frame has, without times.
poses() { sed -E 's/,"(timing|captured_us|clock|latency_us|latency|received_us)":.*//' "$scratch/$1.jsonl"; }

# --- What an undisturbed client gets.
clients=()
client alone
status=0
wait "${clients[0]}" || status=$?
check "alone: the client ends well" [ "$status" = 0 ]
check "alone: it has the poses of all frames" [ "$(wc -l <alone.jsonl)" = 240 ]

# --- Four clients; a job that serves one of them is cancelled in the midst of its stream.
clients=()
for name in a b c d; do client "$name" --fps 30 --reconnect-timeout 60; done
for name in a b c d; do wait_until "poses of $name" [ -s "$scratch/$name.jsonl" ]; done
# serves TASK: a stream runs there.
serves() { [ "$(grep -c 'stream starts' "worker-$1.log")" -gt "$(grep -c 'stream complete' "worker-$1.log")" ]; }
serving=
for task in 0 1 2; do if serves "$task"; then serving=$task; fi; done
scancel --signal=TERM --batch "${job}_$serving"
for name in a b c d; do
  status=0
  wait "${clients[0]}" || status=$?
  clients=("${clients[@]:1}")
  check "$name: the client ends well" [ "$status" = 0 ]
  check "$name: it has what an undisturbed client has" diff -q <(poses alone) <(poses "$name")
done
wait_until "the cancelled worker's end" says "worker-$serving.log" 'the worker ended with status'
check "cancelled: the worker ends in order" says "worker-$serving.log" 'the worker ended with status 130'

# --- A job that is preempted begins again.
other=$(((serving + 1) % 3))
runs() { [ "$(squeue --noheader --states=RUNNING --jobs "${job}_$1" | wc -l)" = 1 ]; }
scontrol requeue "${job}_$other"
wait_until "the preempted job's end" says "worker-$other.log" 'the worker ended with status'
wait_until "the preempted job" runs "$other"
wait_until "the preempted worker" says "worker-$other.log" '^ready: ' 2
clients=()
client again
status=0
wait "${clients[0]}" || status=$?
check "again: the client ends well" [ "$status" = 0 ]

scancel "$job"
wait_until "the nodes" idle 3
check "no worker logged an error" [ -z "$(grep -h ERROR "$scratch"/worker-*.log)" ]
count_checks
