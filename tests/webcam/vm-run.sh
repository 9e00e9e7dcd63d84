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

stream_some_frames
list_cameras
read_late
unplug_while_streaming
conclude
