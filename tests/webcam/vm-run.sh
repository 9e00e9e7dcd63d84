#!/usr/bin/env bash
# Streams a real /dev/video0, the kernel's virtual camera in a virtual machine, through the real
# binaries, and unplugs it while it streams. Needs the debug build and `examples/setup.sh --vm`;
# takes about two minutes. 77 if this machine cannot do it.
set -euo pipefail
# shellcheck source=tests/webcam/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

if [ "${1:-}" != --inside ]; then
  exec "$here/vm.sh" env "SLEAP_STREAM_BIN=$(realpath "$binaries")" "$here/vm-run.sh" --inside
fi

start_worker --model "$repo/examples/demo/model"
client=("$binaries/sleap-stream" --webcam 0 --webcam-size 320x180 --signal "$signal")

stream_some_frames() {
  local frames=10 status=0
  "${client[@]}" --jpeg-quality 80 --max-frames "$frames" --output "$scratch/some.jsonl" 2>"$scratch/some.log" ||
    status=$?
  check "some frames: the client ends well" [ "$status" = 0 ]
  check "some frames: as many as asked for are predicted" [ "$(predictions "$scratch/some.jsonl")" = "$frames" ]
  check "some frames: some are predicted" [ "$(predictions "$scratch/some.jsonl")" -gt 0 ]
  check "some frames: predictions are well-formed" "$here/predictions.py" "$scratch/some.jsonl" --skeleton-nodes 5
  cat "$scratch/some.log"
}

# The camera goes once five predictions are out; what the client says then is part of the check.
unplug_while_streaming() {
  local line output pid shown=0 status=0
  exec {output}< <(exec "${client[@]}" --output - --output "$scratch/kept.jsonl" 2>"$scratch/unplugged.log")
  pid=$!
  while [ "$shown" -lt 5 ] && read -r line; do shown=$((shown + 1)); done <&"$output"
  check "unplugging: predictions come before" [ "$shown" = 5 ]
  v4l2-ctl --device /dev/video0 --set-ctrl disconnect=1
  shown=$((shown + $(wc -l <&"$output")))
  wait "$pid" || status=$?
  check "unplugging: the client ends with status 1" [ "$status" = 1 ]
  check "unplugging: it says why" grep -Eiq '^error: .*(camera|webcam)' "$scratch/unplugged.log"
  check "unplugging: all $shown predictions are kept" [ "$(predictions "$scratch/kept.jsonl")" = "$shown" ]
  check "unplugging: they are well-formed" "$here/predictions.py" "$scratch/kept.jsonl" --skeleton-nodes 5
  cat "$scratch/unplugged.log"
}

# The kernel's own word on the camera, on a program that has it, and on a user who may not open it.
list_cameras() {
  local user
  "$binaries/sleap-stream" cameras >"$scratch/list"
  check "cameras: sizes and rates are listed" grep -Eq '^ +640x360 +40, 30, 25' "$scratch/list"
  v4l2-ctl --device /dev/video0 --stream-mmap --stream-count=100000 >/dev/null 2>&1 &
  user=$!
  until "$binaries/sleap-stream" cameras | grep -q 'busy: .*v4l2-ctl' || ! kill -0 "$user" 2>/dev/null; do :; done
  check "cameras: who has it is named" kill -0 "$user"
  kill "$user"
  wait "$user" || true
  chmod 600 /dev/video0
  setpriv --reuid 65534 --regid 65534 --clear-groups "$binaries/sleap-stream" cameras >"$scratch/list" || true
  check "cameras: a user without permission hears of the group" grep -q 'group .video.' "$scratch/list"
}

# A driver fills its buffers while they are not read, and keeps those frames: after a pause they are as old as the
# pause. In live mode they are left out. vivid gives frames the time of their start then, as cameras do.
read_late() {
  local reader=$binaries/examples/late_reader pause_ms=700
  [ -x "$reader" ] || { echo "skipped late reader: cargo build -p sleap-stream-vision --example late_reader"; return; }
  v4l2-ctl --device /dev/video0 --set-ctrl timestamp_source=1
  "$reader" 0 45 "$pause_ms" >"$scratch/late"
  "$reader" 0 45 "$pause_ms" every-frame >"$scratch/every"
  check "late reader: frames have the time of the driver" grep -q '^timing .*Start' "$scratch/late"
  check "late reader: all of them" lacks '^arrival ' "$scratch/late"
  # 25 frames a second: two frames and the transfer, on a slow machine.
  check "late reader: no frame is old" [ "$(awk '/late|on-time/ && $2 > 120' "$scratch/late" | wc -l)" = 0 ]
  check "late reader: old ones were left out" lacks '^stale 0$' "$scratch/late"
  check "late reader: with every frame they come" [ "$(awk '/late/ && $2 > 400' "$scratch/every" | wc -l)" = 4 ]
  cat "$scratch/late"
}

# control NAME: its value, as the kernel has it.
control() { v4l2-ctl --device /dev/video0 --get-ctrl "$1" | sed 's/.*: //'; }

# set_controls NAME OPTIONS...: a short stream with these options.
set_controls() {
  local name=$1
  shift
  status=0
  "${client[@]}" --jpeg-quality 80 --max-frames 3 --output "$scratch/$name.jsonl" "$@" 2>"$scratch/$name.log" || status=$?
}

# refused NAME WORDS OPTIONS...: the client ends and says why.
refused() {
  local name=$1 words=$2
  shift 2
  set_controls "$name" "$@"
  check "controls: $name: the client ends with status 1" [ "$status" = 1 ]
  check "controls: $name: it says why" grep -q -- "^error: .*$words" "$scratch/$name.log"
  cat "$scratch/$name.log"
}

set_and_read_controls() {
  "$binaries/sleap-stream" cameras --controls >"$scratch/controls"
  check "controls: limits, default and value are listed" grep -Eq '^ +brightness +0 to 255; default 128; now 128$' "$scratch/controls"
  check "controls: what the camera sets itself is marked" grep -Eq '^ +gain +0 to 255; .*set by the camera itself' "$scratch/controls"
  check "controls: menus have their entries" grep -Eq '^ +menu +1 \(Menu Item 1\), 3 ' "$scratch/controls"
  set_controls set --camera-set gain=200 --camera-set gain_automatic=off --camera-set 'menu=Menu Item 4' \
    --camera-set hue=-7 --camera-format GREY
  check "controls: set: the client ends well" [ "$status" = 0 ]
  check "controls: set: the kernel has the values" \
    [ "$(control gain_automatic) $(control gain) $(control menu | cut -c1) $(control hue)" = "0 200 4 -7" ]
  check "controls: set: the camera delivers in the format" grep -q 'webcam configured.*format=GREY' "$scratch/set.log"
  check "controls: set: frames have the time of the driver" grep -q '"clock":"driver"' "$scratch/set.jsonl"
  check "controls: set: the driver's part is in the latency" grep -q '"latency":{"driver_us":[1-9]' "$scratch/set.jsonl"
  refused unknown 'no control gian (is "gain" meant?). It has' --camera-set gian=3
  refused range 'takes 0 to 255; the nearest is 255' --camera-set brightness=300
  refused automatic 'gain has no effect now.*gain_automatic=on' --camera-set gain_automatic=on --camera-set gain=3
  refused format 'not H264' --camera-format H264
}

stream_some_frames
list_cameras
read_late
set_and_read_controls
unplug_while_streaming
conclude
