#!/usr/bin/env bash
# Streams between two hosts through routers, NAT and a TURN server (coturn), with the real binaries; the
# hosts are network namespaces. 77 if this machine cannot make them. Needs the debug build;
# SLEAP_STREAM_BIN names another folder of binaries. Takes about a minute.
set -euo pipefail
# shellcheck source=tests/nat/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

enter_namespaces openssl turnserver -- "$@"
if ! (build_hosts && translated); then unavailable "this kernel has no virtual networks, or no NAT"; fi

udp="turn:$public:3478" tcp="turn:$public:3478?transport=tcp" tls="turns:$public:5349"
stun="stun:$public:3478"
export SLEAP_STREAM_TURN_USERNAME=rig SLEAP_STREAM_TURN_PASSWORD=secret

start_coturn
start_signaling
start_worker plain
start_worker relayed --ice-server "$udp"
start_worker reflexive --ice-server "$stun"

# --- A way through for the hosts' own addresses.
routed
streams direct "host 10.71.1.(2|130) port [0-9]+ - host 10.71.2.2 " plain

# What a firewall and a choice of interface allow, and nothing else, while a stream runs.
# (Not a function: the signal is for the client itself.)
ip netns exec client "$binaries/sleap-stream" --signal "ws://$public:8080" --worker-id "$(worker_id plain)" \
  --test-pattern 160x120@60 -v --ports 41000-41003 --interface eth1 2>"$scratch/chosen.log" &
chosen=$!
wait_until "the connection" grep -qs "connected over" "$scratch/chosen.log"
in_host client ss -Huan >"$scratch/sockets.log"
check "chosen: the path begins at that interface" \
  grep -Eq 'path="?host 10.71.1.130 port 4100[0-3] ' "$scratch/chosen.log"
check "chosen: there is one socket, at that address and in that range" \
  [ "$(awk '{print $4}' "$scratch/sockets.log" | grep -Ec '^10.71.1.130:4100[0-3]$')-$(wc -l <"$scratch/sockets.log")" = 1-1 ]
kill -TERM "$chosen"
wait "$chosen" || status=$?
check "chosen: it ends as interrupted" [ "$status" = 130 ]

# --- The client's host loses its network in the midst of a file and comes back with another address.
start_worker posing --model "$repo/examples/demo/model"
NO_COLOR=1 ip netns exec client "$binaries/sleap-stream" --signal "ws://$public:8080" --worker-id "$(worker_id posing)" \
  --stream "$repo/examples/demo/video.mp4" -v --fps 120 -o "$scratch/moved.jsonl" 2>"$scratch/moved.log" &
moved=$!
wait_until "a first prediction" [ -s "$scratch/moved.jsonl" ]
plugged_out
wait_until "the client's notice" grep -qs 'connection to the worker is lost' "$scratch/moved.log"
wait_until "the worker's notice" grep -Eqs 'client left before the end|stream cut off' "$scratch/posing.log"
plugged_in 10.71.1.9/25
status=0
wait "$moved" || status=$?
check "moved: the client ends well" [ "$status" = 0 ]
check "moved: it was connected twice, at last from the new address" \
  [ "$(grep connected "$scratch/moved.log" | grep -c path)-$(grep 'connected.*path' "$scratch/moved.log" | tail -n 1 | grep -Ec '10.71.1.(9|130)')" = 2-1 ]
check "moved: each frame has its poses once, in order" \
  cmp -s <(grep -o '"frame_id":[0-9]*' "$scratch/moved.jsonl") <(seq -f '"frame_id":%g' 0 239)
plugged_out
plugged_in 10.71.1.2/25

fails no-interface 2 'no network interface or address .wlan9.*eth1 10.71.1.130' plain --interface wlan9
fails no-relay 2 'no TURN server' plain --relay-only

# --- Relays although there is a way: no address of the client's is seen by the worker.
streams relay-only "relay $public port 50[0-9]+ - host 10.71.2.2 .* through turn:$public:3478.transport=udp" plain \
  --relay-only --ice-server "$udp"
check "relay-only: the worker sees the relay alone" \
  [ "$(grep connected "$scratch/plain.log" | tail -n 1 | grep -c "relay $public")" = 1 ]

# --- Behind two NATs, which a STUN server sees through.
translated
streams behind-nat "(host|srflx|prflx) [0-9.]+ port [0-9]+ - (srflx|prflx) 203.0.113.12 " reflexive --ice-server "$stun"
# Its lanes find their paths as the channel does.
start_worker coded --model "$repo/examples/demo/model" --ice-server "$stun"
streams behind-nat-coded "(host|srflx|prflx) [0-9.]+ port [0-9]+ - (srflx|prflx) 203.0.113.12 " coded \
  --ice-server "$stun" --lanes coded
check "behind-nat-coded: frames go over lanes" grep -q 'lanes that wait for nothing' "$scratch/behind-nat-coded.log"

# --- No way but through the relay.
separated
# Takes the client's whole patience, so it runs beside the others.
client apart plain &
apart=$!
# With a relay on each side, either may win.
streams turn-udp "(relay .* through turn:|host .* - (relay|prflx) $public )" relayed --ice-server "$udp"
(umask 077 && echo rig:secret >"$scratch/credentials")
SLEAP_STREAM_TURN_USERNAME='' streams turn-file "relay " plain --ice-server "$udp" --ice-credentials "$scratch/credentials"
check "turn-file: a file that is only the user's is no reason to warn" lacks 'may read' turn-file

SLEAP_STREAM_TURN_PASSWORD=wrong fails wrong-password 1 '401.*right user name and password' relayed \
  --relay-only --ice-server "$udp"

without_udp
streams turn-tcp "relay .* through turn:$public:3478.transport=tcp" plain --ice-server "$tcp"
SSL_CERT_FILE=$scratch/ca.pem streams turn-tls "relay .* through turns:$public:5349.transport=tcp" plain \
  --ice-server "$tls"
fails turn-tls-unknown 1 'turns:.*certificate' plain --relay-only --ice-server "$tls"
fails turn-refused 1 'turn:.*refused' plain --relay-only --ice-server "turn:$public:9?transport=tcp"

wait "$apart" || true
check "apart: neither a link-local address nor a bridge without a link is offered" \
  lacks '169.254|172.17' apart
check "apart: the client says what each side offered and what to do" grep -Eq \
  '^error: .*no network path.*this side offered host .*10.71.1.2.*; the other side host .*10.71.2.2.*--ice-server' \
  "$scratch/apart.log"

# --- A host whose only address is ::1: client and worker meet there all the same.
if build_lonely_host && in_host lonely ip -6 address show dev lo | grep -q ' ::1/'; then
  NO_COLOR=1 in_host lonely "$binaries/sleap-worker" --listen '[::1]:8080' \
    >"$scratch/lonely.out" 2>"$scratch/lonely.log" &
  wait_until "the worker lonely" ready lonely
  status=0
  NO_COLOR=1 in_host lonely "$binaries/sleap-stream" --signal 'ws://[::1]:8080' --test-pattern 160x120@60 -v \
    --max-frames "$frames" >"$scratch/alone.log" 2>&1 || status=$?
  check "lonely: the client ends well" [ "$status" = 0 ]
  check "lonely: the path is from ::1 to ::1" grep -Eq 'connected .*path="?host ::1 port [0-9]+ - host ::1 ' "$scratch/alone.log"
  [ "$status" = 0 ] || cat "$scratch/alone.log"
  ip -n lonely link set lo down
  status=0
  in_host lonely "$binaries/sleap-stream" --test-pattern >"$scratch/none.log" 2>&1 || status=$?
  check "lonely: without any address it says so" \
    grep -q '^error: this machine has no network address that can be used' "$scratch/none.log"
else
  echo "lonely: skipped, this kernel has no IPv6" >&2
fi

conclude
