#!/usr/bin/env bash
# What coded lanes cost on a link that loses nothing: the same live stream with one lane and with coded lanes in turn, over
# 50 ms and 20 Mbit/s; prints a table of what it takes each second once 20 seconds have passed.
#   clean.sh [SECONDS [ROUNDS]]      a scene's length, 60 by default, and how often both are run, 3 by default
# SLEAP_STREAM_BIN names another folder of binaries, with examples/wan_relay in it.
# Needs root, iproute2 and /dev/net/tun; 77 on a machine that has them not. Nothing here passes or fails.
set -euo pipefail
# shellcheck source=examples/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../examples/env.sh"
cd "$repo"

settled=20
tail=5

# What client and worker have used so far, in ticks, and the bytes that their hosts have sent, each in a line of its own.
used() {
  local host pid
  for host in "$WAN_A" "$WAN_B"; do
    for pid in $(ip netns pids "$host"); do
      case $(<"/proc/$pid/comm") in
        sleap-*) awk '{ print $14 + $15 }' "/proc/$pid/stat" ;;
      esac
    done
    # shellcheck disable=SC2016 # awk's own
    ip netns exec "$host" awk '/:/ && !/lo:/ { print $10 }' /proc/net/dev
  done
}

# This script again, within a link.
if [ "${1:-}" = inside ]; then
  seconds=$2
  shift 2
  tests/wan/stream.sh "$seconds" "$@" &
  stream=$!
  sleep "$settled"
  used >"$WAN_LOG/before"
  sleep $((seconds - settled - tail))
  used >"$WAN_LOG/after"
  wait "$stream"
  exit
fi

seconds=${1:-60}
rounds=${2:-3}
# shellcheck source=tests/wan/programs.sh
. tests/wan/programs.sh

# scene LANES: client and worker in percent of a core, kB/s there and back, and the ages of poses, in one line.
scene() {
  local summary of status=0
  summary=$(tests/wan/wan.py --rtt 50 --rate 20 --relay "$SLEAP_STREAM_BIN/examples/wan_relay" -- \
    tests/wan/clean.sh inside "$seconds" --model examples/demo/model -- \
    --test-pattern 640x480@30 --jpeg-quality 80 --lanes "$1") || status=$?
  [ "$status" = 0 ] || exit "$status"
  mapfile -t of < <(figures <<<"$summary")
  paste "$WAN_LOG/before" "$WAN_LOG/after" |
    awk -v time=$((seconds - settled - tail)) -v ticks="$(getconf CLK_TCK)" '
      { used[NR] = ($2 - $1) / time }
      END { print used[1] * 100 / ticks, used[3] * 100 / ticks, used[2] / 1000, used[4] / 1000 }' |
    tr '\n' ' '
  echo "${of[@]:5:3}"
}

for _ in $(seq "$rounds"); do
  for lanes in 1 coded; do
    echo "$lanes $(scene "$lanes")" | tee -a "$WAN_LOG/scenes" >&2
  done
done
awk '
  { n[$1]++; for (at = 2; at <= NF; at++) sum[$1, at] += $at }
  function mean(lanes, at) { return sum[lanes, at] / n[lanes] }
  function row(lanes) {
    printf "| %s | %.1f %% | %.1f %% | %.1f | %.1f | %.1f / %.1f / %.1f |\n", lanes, mean(lanes, 2), mean(lanes, 3),
      mean(lanes, 4), mean(lanes, 5), mean(lanes, 6), mean(lanes, 7), mean(lanes, 8)
  }
  function more(at) { return (mean("coded", at) / mean("1", at) - 1) * 100 }
  END {
    print "| lanes | client, of a core | worker, of a core | sent by the client, kB/s | by the worker, kB/s | age of pose, ms p50 / p95 / p99 |"
    print "|---|---|---|---|---|---|"
    row("1"); row("coded")
    both = (mean("coded", 4) + mean("coded", 5)) / (mean("1", 4) + mean("1", 5))
    printf "| more | %+.1f %% | %+.1f %% | %+.1f %% | %+.1f %% | %+.1f / %+.1f / %+.1f |\n", more(2), more(3), more(4), more(5),
      mean("coded", 6) - mean("1", 6), mean("coded", 7) - mean("1", 7), mean("coded", 8) - mean("1", 8)
    printf "bytes in both directions: %+.2f %%\n", (both - 1) * 100
  }' "$WAN_LOG/scenes"
