# shellcheck shell=bash
# Two hosts behind routers, and a public network between them (sourced after tests/namespaces.sh).
#
#   client 10.71.1.2 ----- router-c --+             +-- router-w ----- worker 10.71.2.2
#          10.71.1.130 --/  203.0.113.11            203.0.113.12
#                                     +-- public --+
#                                       203.0.113.1: signaling server, coturn
#
# No IPv6 and no route for multicast anywhere. The client's host also has what is not to be
# offered: a link-local address and the bridge of a container engine without a container.

public=203.0.113.1

# link HOST NAME ADDRESS HOST NAME [ADDRESS]: a cable between two hosts.
link() {
  ip link add "$2" netns "$1" type veth peer name "$5" netns "$4"
  ip -n "$1" address add "$3" dev "$2"
  [ -z "${6:-}" ] || ip -n "$4" address add "$6" dev "$5"
  ip -n "$1" link set "$2" up
  ip -n "$4" link set "$5" up
}

build_hosts() {
  local host
  for host in client router-c public router-w worker; do
    ip netns add "$host"
    in_host "$host" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1 \
      net.ipv4.ip_forward=1
    ip -n "$host" link set lo up
    ip -n "$host" route add unreachable 224.0.0.0/4
  done
  # The public network is a bridge whose own address is the servers'.
  ip -n public link add net type bridge
  ip -n public address add "$public/24" dev net
  ip -n public link set net up
  link router-c wan 203.0.113.11/24 public to-c
  link router-w wan 203.0.113.12/24 public to-w
  ip -n public link set to-c master net
  ip -n public link set to-w master net

  link client eth0 10.71.1.2/25 router-c lan0 10.71.1.1/25
  link client eth1 10.71.1.130/25 router-c lan1 10.71.1.129/25
  link worker eth0 10.71.2.2/24 router-w lan0 10.71.2.1/24
  ip -n client route add default via 10.71.1.1
  ip -n worker route add default via 10.71.2.1

  ip -n public route add 10.71.1.0/24 via 203.0.113.11
  ip -n public route add 10.71.2.0/24 via 203.0.113.12

  ip -n client address add 169.254.7.7/16 dev eth0
  ip -n client link add docker0 type bridge
  ip -n client address add 172.17.0.1/16 dev docker0
  ip -n client link set docker0 up
  # Its last container has left.
  ip -n client link add gone type veth peer name container
  ip -n client link set gone master docker0
  ip -n client link delete gone
}

# A host without a network, whose only address is ::1.
build_lonely_host() {
  ip netns add lonely
  ip -n lonely link set lo up
  ip -n lonely address delete 127.0.0.1/8 dev lo
}

# The client's host is cut off.
plugged_out() {
  ip -n client link set eth0 down
  ip -n client link set eth1 down
}

# plugged_in ADDRESS: it is back, with this address at its first interface.
plugged_in() {
  ip -n client address flush dev eth0 scope global
  ip -n client address add "$1" dev eth0
  ip -n client link set eth0 up
  ip -n client link set eth1 up
  ip -n client route replace default via 10.71.1.1
}

# Both networks reach each other; nothing is translated.
routed() {
  in_host router-c nft flush ruleset
  in_host router-w nft flush ruleset
  ip -n router-c route replace 10.71.2.0/24 via 203.0.113.12
  ip -n router-w route replace 10.71.1.0/24 via 203.0.113.11
}

# Both hosts are behind a NAT that drops what was not asked for, and have no route to each other's network. TCP passes as it is, so that
# signaling goes on through the changes.
translated() {
  local router
  for router in router-c router-w; do
    in_host "$router" nft flush ruleset
    in_host "$router" nft -f - <<'RULES'
table ip nat {
  chain out { type nat hook postrouting priority srcnat; oifname "wan" ip protocol udp masquerade; }
  chain self { type filter hook input priority filter; iifname "wan" ip protocol udp drop; }
}
RULES
  done
  ip -n router-c route replace unreachable 10.71.2.0/24
  ip -n router-w route replace unreachable 10.71.1.0/24
}

# Behind their NATs, both reach the public servers and nothing else.
separated() {
  translated
  ip -n router-c route replace unreachable 203.0.113.12/32
  ip -n router-w route replace unreachable 203.0.113.11/32
}

# The client's router lets no UDP through.
without_udp() {
  in_host router-c nft -f - <<'RULES'
table ip filter {
  chain through { type filter hook forward priority filter; ip protocol udp drop; }
}
RULES
}
