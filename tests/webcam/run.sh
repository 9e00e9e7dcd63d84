#!/usr/bin/env bash
# Streams a camera (a PipeWire source, see pipewire.sh) through the real binaries. 77 if this machine
# cannot offer one. Needs the debug build; SLEAP_STREAM_BIN names another folder of binaries.
set -euo pipefail
# shellcheck source=tests/webcam/lib.sh
. "$(dirname "${BASH_SOURCE[0]}")/lib.sh"

frames=60
"$here/pipewire.sh" 'videotestsrc ! video/x-raw,format=YUY2' -- true 2>"$scratch/probe" || {
  status=$?
  cat "$scratch/probe" >&2
  exit "$status"
}
start_worker --model "$repo/examples/demo/model"

# stream NAME SOURCE OPTIONS...
stream() {
  local name=$1 source=$2
  shift 2
  status=0
  "$here/pipewire.sh" "$source" -- "$binaries/sleap-stream" --webcam 0 --max-frames "$frames" \
    --output "$scratch/$name.jsonl" --snapshot "$scratch/$name.png" --signal "$signal" "$@" \
    >"$scratch/$name.log" 2>&1 || status=$?
}

# The size in a PNG's header.
png_size() { od -An -tu1 -j16 -N8 "$1" | awk '{print $3 * 256 + $4 "x" $7 * 256 + $8}'; }

lacks() { ! grep -Eq "$1" "$2"; }

expect() {
  local name=$1 size=$2 found before=$failed
  found=$(predictions "$scratch/$name.jsonl")
  check "$name: the client ends well" [ "$status" = 0 ]
  check "$name: as many frames as asked for are predicted" [ "$found" = "$frames" ]
  check "$name: predictions are well-formed" "$here/predictions.py" "$scratch/$name.jsonl" --skeleton-nodes 5
  check "$name: poses are those of the picture" "$here/predictions.py" "$scratch/$name.jsonl" --skeleton-nodes 5 \
    --truth "$repo/examples/demo/truth.json" --size "$size"
  check "$name: the summary counts as many" grep -Eq "^predictions +$found " "$scratch/$name.log"
  check "$name: no frame failed or stayed unanswered" lacks '^(failed|unanswered) ' "$scratch/$name.log"
  check "$name: the picture is $size" [ "$(png_size "$scratch/$name.png")" = "$size" ]
  if [ "$failed" != "$before" ]; then cat "$scratch/$name.log"; fi
}

# A camera that looks at one frame of the demonstration, whose points are known.
scene="filesrc location=$repo/examples/demo/frames/0000.png ! pngdec ! imagefreeze is-live=true ! videoconvert ! videoscale add-borders=false"
raw_720p30="$scene ! video/x-raw,format=YUY2,width=1280,height=720,framerate=30/1"
mjpg_480p30="$scene ! video/x-raw,format=I420,width=640,height=480,framerate=30/1 ! jpegenc"

stream raw-720p30 "$raw_720p30" --jpeg-quality 80
expect raw-720p30 1280x720
stream mjpg-480p30 "$mjpg_480p30" --jpeg-quality 80
expect mjpg-480p30 640x480
stream mjpg-480p30-resized "$mjpg_480p30" --resize 320x240
expect mjpg-480p30-resized 640x480

conclude
