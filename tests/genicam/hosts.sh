# shellcheck shell=bash
# A host with two networks, and a camera in each (sourced after tests/namespaces.sh).
#
#   client 10.73.1.1 ----- camera1 10.73.1.2
#          10.73.2.1 ----- camera2 10.73.2.2

build_hosts() {
  local host number
  for host in client camera1 camera2; do
    ip netns add "$host"
    ip -n "$host" link set lo up
  done
  for number in 1 2; do
    ip link add "eth$number" netns client type veth peer name cable netns "camera$number"
    ip -n client address add "10.73.$number.1/24" dev "eth$number"
    ip -n "camera$number" address add "10.73.$number.2/24" dev cable
    ip -n client link set "eth$number" up
    ip -n "camera$number" link set cable up
  done
}

# start_camera NUMBER LOG: a GigE Vision camera with the serial number RIGn. Sets $camera, the number of its process.
start_camera() {
  # A camera is a machine of its own: no program of this one holds it up in the middle of a frame.
  ip netns exec "camera$1" chrt --fifo 10 arv-fake-gv-camera-0.8 -i "10.73.$1.2" -s "RIG$1" >"$2" 2>&1 &
  # shellcheck disable=SC2034 # for the caller
  camera=$!
  wait_until "the camera RIG$1" listens "camera$1"
}

# Cameras answer at this port.
listens() { in_host "$1" ss -Hlun "sport = :3956" | grep -q .; }

# Of the packets of a camera that carry pixels, every Nth is lost on the way.
lose_packets() {
  in_host "$1" nft -f - <<RULES
table ip loss {
  chain out { type filter hook output priority filter; meta length > 1000 numgen inc mod $2 == 0 drop; }
}
RULES
}

lose_nothing() { in_host "$1" nft flush ruleset; }
