# shellcheck shell=bash
# For scripts whose hosts are network namespaces (sourced by a script that has `set -euo pipefail`). Everything
# happens in namespaces that end with the script, whatever is left in them.

# Ends the script: this machine cannot do it.
unavailable() { echo "$(basename "$(dirname "$0")"): $1" >&2; exit 77; }

# enter_namespaces PROGRAMS -- ARGUMENTS: starts the script again, in namespaces of its own, with its arguments.
# PROGRAMS are needed beside those of this file. Sets $scratch, a folder that goes with the script.
enter_namespaces() {
  local program inside=(unshare --mount --net --uts --pid --fork --kill-child --mount-proc)
  if [ -z "${INSIDE_NAMESPACES:-}" ]; then
    for program in ip nft ss unshare; do needs "$program"; done
    while [ "$1" != -- ]; do needs "$1"; shift; done
    shift
    [ "$(id -u)" = 0 ] || inside+=(--user --map-root-user)
    "${inside[@]}" true 2>/dev/null || unavailable "no namespaces for this user: try as root"
    INSIDE_NAMESPACES=yes exec "${inside[@]}" "$0" "$@"
  fi
  unset INSIDE_NAMESPACES
  mount -t tmpfs none /run || unavailable "no private /run"
  scratch=$(mktemp -d)
  # What still runs ends with the process namespace.
  trap 'rm -rf "$scratch"' EXIT
}

needs() { command -v "$1" >/dev/null || unavailable "$1 is missing: run examples/setup.sh --tests"; }

in_host() { ip netns exec "$@"; }

# wait_until WHAT CONDITION...: until the condition holds; ends everything after 30 s.
wait_until() {
  local what=$1 polls=600
  shift
  until "$@"; do
    if [ "$((polls -= 1))" = 0 ]; then
      echo "$what did not come" >&2
      tail -n 50 "$scratch"/*.log >&2
      exit 1
    fi
    sleep 0.05 # between two looks
  done
}
