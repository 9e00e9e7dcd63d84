#!/usr/bin/env bash
# One stream over the link that wan.py has made: a worker on host B, a client on host A.
#   stream.sh SECONDS WORKER_OPTIONS... -- CLIENT_OPTIONS...
# The client's summary goes to standard output, with everything that both say to $WAN_LOG (a folder).
set -euo pipefail
seconds=$1
shift
worker=()
while [ "$1" != -- ]; do worker+=("$1"); shift; done
shift

# The client comes from elsewhere: both sides know a secret.
SLEAP_ROOM_SECRET=$(head -c 32 /dev/urandom | base64)
export SLEAP_ROOM_SECRET

log=${WAN_LOG:-$(mktemp -d)}
exec {ready}< <(exec ip netns exec "$WAN_B" "$SLEAP_STREAM_BIN/sleap-worker" --listen 10.77.0.2:8080 "${worker[@]}" 2>"$log/worker.log")
server=$!
trap 'kill "$server" 2>/dev/null || true' EXIT
read -r -t 60 _ <&"$ready" || { cat "$log/worker.log" >&2; exit 1; }

# Ends the client, as Ctrl-C does, once it has said what WAN_UNTIL is and has answers to some frames more in $WAN_LOG/poses.jsonl.
end_in_time() {
  grep -qm 1 -- "$WAN_UNTIL" <(tail -n +1 -F --pid "$1" "$log/client.log" 2>/dev/null) || return 0
  head -n 12 < <(tail -n 0 -F --pid "$1" "$log/poses.jsonl" 2>/dev/null) >/dev/null
  kill -INT "$1"
}

status=0
ip netns exec "$WAN_A" timeout --foreground --preserve-status --signal=INT --kill-after=20 "$seconds" \
  "$SLEAP_STREAM_BIN/sleap-stream" --signal ws://10.77.0.2:8080 "$@" 2>"$log/client.log" &
client=$!
if [ -n "${WAN_UNTIL:-}" ]; then end_in_time "$client"; fi
wait "$client" || status=$?
# 130 is the client's word for having been interrupted, as it was.
[ "$status" = 0 ] || [ "$status" = 130 ] || { cat "$log/client.log" >&2; exit "$status"; }
sed -n '/^frames /,$p' "$log/client.log"
