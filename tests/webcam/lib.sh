# shellcheck shell=bash
# For the camera checks (sourced): a worker, and what is expected of a client.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo=$(cd "$here/../.." && pwd)
# shellcheck source=tests/checks.sh
. "$repo/tests/checks.sh"
# The folder with the binaries under test.
binaries=${SLEAP_STREAM_BIN:-${CARGO_TARGET_DIR:-$repo/target}/debug}

scratch=$(mktemp -d)
cleanup() {
  [ -z "${worker_PID:-}" ] || kill "$worker_PID" 2>/dev/null || true
  rm -rf "$scratch"
}
trap cleanup EXIT

# start_worker OPTIONS...: sets $signal once the worker is ready.
start_worker() {
  local line ready
  signal=
  coproc worker { exec "$binaries/sleap-worker" --listen 127.0.0.1:0 "$@" 2>"$scratch/worker.log"; }
  # A worker that has ended already has taken its array with it.
  ready=${worker[0]:-}
  while [ -n "$ready" ] && [ -z "$signal" ] && read -r line <&"$ready"; do
    case $line in "ready: "*) signal=${line#ready: } ;; esac
  done 2>/dev/null
  [ -n "$signal" ] || { cat "$scratch/worker.log" >&2; return 1; }
}

# The number of predictions in a file of them.
predictions() { grep -c '"instances"' "$1" || true; }

lacks() { ! grep -Eq "$1" "$2"; }

# The closing line; false if anything failed.
conclude() {
  if [ "$failed" != 0 ]; then
    echo "--- the worker's log"
    cat "$scratch/worker.log"
  fi
  count_checks
}
