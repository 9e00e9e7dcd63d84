# shellcheck shell=bash
# For the checks of paths between hosts (sourced): servers, the binaries, what is expected of them.

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo=$(cd "$here/../.." && pwd)
# The folder with the binaries under test.
binaries=${SLEAP_STREAM_BIN:-${CARGO_TARGET_DIR:-$repo/target}/debug}
# shellcheck source=tests/checks.sh
. "$repo/tests/checks.sh"
# shellcheck source=tests/namespaces.sh
. "$repo/tests/namespaces.sh"
# shellcheck source=tests/nat/hosts.sh
. "$here/hosts.sh"

# A certificate of a new authority for the TURN server's address.
make_certificate() {
  local key=(-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes)
  {
    openssl req -x509 "${key[@]}" -keyout "$scratch/ca.key" -out "$scratch/ca.pem" -subj "/CN=authority" -days 2
    openssl req "${key[@]}" -keyout "$scratch/turn.key" -out "$scratch/turn.csr" -subj "/CN=turn"
    openssl x509 -req -in "$scratch/turn.csr" -CA "$scratch/ca.pem" -CAkey "$scratch/ca.key" -CAcreateserial \
      -extfile <(echo "subjectAltName=IP:$public") -days 2 -out "$scratch/turn.pem"
  } 2>"$scratch/openssl.log" || { cat "$scratch/openssl.log" >&2; exit 1; }
}

# Clients come from elsewhere: both sides know a secret.
SLEAP_ROOM_SECRET=$(head -c 32 /dev/urandom | base64)
export SLEAP_ROOM_SECRET

listens() { in_host public ss -Hltn "sport = :$1" | grep -q .; }

start_coturn() {
  make_certificate
  in_host public turnserver -n --no-cli --no-dtls --listening-ip="$public" --relay-ip="$public" \
    --listening-port=3478 --tls-listening-port=5349 --cert="$scratch/turn.pem" --pkey="$scratch/turn.key" \
    --lt-cred-mech --user=rig:secret --realm=test --min-port=50000 --max-port=50999 \
    --userdb="$scratch/users" --pidfile="$scratch/coturn.pid" --log-file=stdout --simple-log \
    >"$scratch/coturn.log" 2>&1 &
  wait_until "coturn" listens 3478
  wait_until "coturn's TLS" listens 5349
}

ready() { grep -qs '^ready: ' "$scratch/$1.out"; }

start_signaling() {
  in_host public "$binaries/sleap-worker" signal --listen "$public:8080" \
    >"$scratch/signaling.out" 2>"$scratch/signaling.log" &
  wait_until "the signaling server" ready signaling
}

worker_id() { sed -n 's/.*registered.* id="\{0,1\}\(worker-[A-Za-z0-9._-]*\).*/\1/p' "$scratch/$1.log" | head -n 1; }

# start_worker NAME OPTIONS...: a worker without a model on the worker's host.
start_worker() {
  local name=$1
  shift
  NO_COLOR=1 in_host worker "$binaries/sleap-worker" -v --signal "ws://$public:8080" "$@" \
    >"$scratch/$name.out" 2>"$scratch/$name.log" &
  wait_until "the worker $name" ready "$name"
}

# client NAME WORKER OPTIONS...: the client on its host, in the foreground; sets $status.
client() {
  local name=$1 worker=$2
  shift 2
  status=0
  NO_COLOR=1 in_host client "$binaries/sleap-stream" --signal "ws://$public:8080" \
    --worker-id "$(worker_id "$worker")" --test-pattern 160x120@60 -v "$@" >"$scratch/$name.log" 2>&1 || status=$?
}

frames=20

# streams NAME PATH WORKER OPTIONS...: a stream arrives whole over a path (a regular expression).
streams() {
  local name=$1 path=$2 worker=$3 before=$failed
  shift 3
  client "$name" "$worker" --max-frames "$frames" "$@"
  check "$name: the client ends well" [ "$status" = 0 ]
  check "$name: all frames arrive" grep -Eq "^frames +$frames " "$scratch/$name.log"
  check "$name: the path is $path" grep -Eq "connected .*path=\"?$path" "$scratch/$name.log"
  [ "$failed" = "$before" ] || cat "$scratch/$name.log"
}

# fails NAME STATUS WORDS WORKER OPTIONS...: the client ends with this status and says these words.
fails() {
  local name=$1 expected=$2 words=$3 worker=$4 before=$failed
  shift 4
  client "$name" "$worker" --max-frames "$frames" "$@"
  check "$name: the client ends with status $expected" [ "$status" = "$expected" ]
  check "$name: it says $words" grep -Eq "^error: .*$words" "$scratch/$name.log"
  [ "$failed" = "$before" ] || cat "$scratch/$name.log"
}

lacks() { ! grep -Eq "$1" "$scratch/$2.log"; }

# The closing line; false if anything failed.
conclude() {
  if [ "$failed" != 0 ]; then
    tail -n 40 "$scratch"/{plain,relayed,reflexive}.log
  fi
  count_checks
}
