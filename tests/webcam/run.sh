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
  "$here/pipewire.sh" "$source" -- "$binaries/sleap-stream" --webcam "${camera:-0}" --max-frames "$frames" \
    --output "$scratch/$name.jsonl" --snapshot "$scratch/$name.png" --signal "$signal" "$@" \
    >"$scratch/$name.log" 2>&1 || status=$?
}

# The size in a PNG's header.
png_size() { od -An -tu1 -j16 -N8 "$1" | awk '{print $3 * 256 + $4 "x" $7 * 256 + $8}'; }

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

# The list names the camera, its formats and what to give for it.
list() { "$here/pipewire.sh" "$1" -- "$binaries/sleap-stream" cameras >"$scratch/list" 2>"$scratch/list.log" || cat "$scratch/list.log"; }
list "$mjpg_480p30"
check "cameras: MJPG in its size" grep -Pzq 'MJPG\n +640x480' "$scratch/list"
check "cameras: its JPEGs are proposed" grep -q -- '--webcam 0 .*--jpeg-quality camera' "$scratch/list"
list "$raw_720p30"
check "cameras: a camera without JPEGs" grep -q -- '--webcam 0 .*--jpeg-quality 80' "$scratch/list"

stream raw-720p30 "$raw_720p30" --jpeg-quality 80
expect raw-720p30 1280x720
stream mjpg-480p30 "$mjpg_480p30" --jpeg-quality 80
expect mjpg-480p30 640x480
camera=/dev/video0 stream mjpg-480p30-resized "$mjpg_480p30" --resize 320x240
expect mjpg-480p30-resized 640x480

# The camera's own JPEG is sent as it is: what a Python worker gets are its bytes.
untouched() {
  local name=mjpg-untouched line source signal_peer worker_peer ready peer expected found
  [ -n "${SLEAP_STREAM_TEST_PYTHON:-}" ] || { echo "skipped $name: SLEAP_STREAM_TEST_PYTHON names no Python"; return; }
  # The camera's elements make the same bytes of the same picture each time.
  read -ra source <<<"${mjpg_480p30/imagefreeze is-live=true/imagefreeze num-buffers=1}"
  gst-launch-1.0 -q "${source[@]}" ! filesink location="$scratch/own.jpg"
  expected=$(sha256sum "$scratch/own.jpg" | cut -d' ' -f1)
  exec {ready}< <(exec "$SLEAP_STREAM_TEST_PYTHON" -u "$repo/tests/python/reference_signaling.py")
  signal_peer=$!
  read -r line <&"$ready"
  peer=$(sed -n 's/.*"url": "\([^"]*\)".*/\1/p' <<<"$line")
  exec {ready}< <(exec "$SLEAP_STREAM_TEST_PYTHON" -u "$repo/tests/python/reference_worker.py" --signal "$peer" --once)
  worker_peer=$!
  read -r line <&"$ready"
  status=0
  "$here/pipewire.sh" "$mjpg_480p30" -- "$binaries/sleap-stream" --webcam 0 --max-frames 30 --signal "$peer" \
    --jpeg-quality camera >"$scratch/$name.log" 2>&1 || status=$?
  # A client that never came leaves it waiting.
  [ "$status" = 0 ] || kill "$worker_peer" 2>/dev/null || true
  cat <&"$ready" >"$scratch/$name.events"
  kill "$signal_peer" 2>/dev/null || true
  found=$(grep -c "\"payload_sha256\": \"$expected\"" "$scratch/$name.events" || true)
  check "$name: the client ends well" [ "$status" = 0 ]
  check "$name: all 30 frames are the camera's own bytes" [ "$found" = 30 ]
  if [ "$found" != 30 ]; then cat "$scratch/$name.log"; fi
}
untouched

# A camera without JPEGs is named.
stream raw-untouched "$raw_720p30" --jpeg-quality camera
check "raw-untouched: the client ends with status 1" [ "$status" = 1 ]
check "raw-untouched: it says why" grep -Eq '^error: .*webcam 0 delivers .*MJPG' "$scratch/raw-untouched.log"

stream mjpg-own "$mjpg_480p30" --jpeg-quality camera
expect mjpg-own 640x480

# optical NAME SOURCE OPTIONS...: measures with a camera that is this source.
optical() {
  local name=$1 scene=$2
  shift 2
  status=0
  "$here/pipewire.sh" "$scene" -- "$binaries/sleap-stream" latency --webcam 0 --seconds 5 --json "$@" \
    >"$scratch/$name.json" 2>"$scratch/$name.log" || status=$?
  cat "$scratch/$name.json"
  [ "$status" = 0 ] || cat "$scratch/$name.log"
}

# The median of a part of a measurement, tenths of a millisecond; less than nothing if there is none.
median() {
  sed -n 's/.*"'"$2"'":{"median":\([0-9.]*\).*/\1/p' "$scratch/$1.json" | awk '{v = $1} END {print v ? int(v * 10) : -10000}'
}
light_to_frame() { median "$1" light_to_frame_ms; }

# How far it may be off, by its own account.
uncertainty() { sed -n 's/.*"uncertainty_ms":\([0-9.]*\).*/\1/p' "$scratch/$1.json" | awk '{v = $1} END {print int(v * 10)}'; }

# The clock in a browser: the program prints the page's address and waits for it.
optical_page() {
  local chromium line output browser
  chromium=${SLEAP_STREAM_TEST_CHROMIUM:-$(command -v chromium || true)}
  [ -n "$chromium" ] || { echo "skipped optical page: Chromium is missing"; return; }
  exec {output}< <(
    "$here/pipewire.sh" "$1" -- "$binaries/sleap-stream" latency --webcam 0 --seconds 5 --json --page 127.0.0.1:0 \
      2>&1 >"$scratch/page.json"
    echo "status $?"
  )
  until [[ ${line:=} == *http://* || $line == status* ]]; do read -r line <&"$output"; done
  "$chromium" --no-sandbox --no-first-run --disable-gpu --kiosk --user-data-dir="$scratch/chromium" \
    "$(sed -n 's,.*\(http://[^ ]*\).*,\1,p' <<<"$line")" >/dev/null 2>&1 &
  browser=$!
  until [[ $line == status* ]]; do read -r line <&"$output"; done
  kill "$browser"
  wait "$browser" || true
  cat "$scratch/page.json"
  check "optical: the clock is read from a page" [ "$line" = "status 0" ]
  # The browser's own pictures are late: by a few refreshes, and on a busy machine by what keeps it from drawing.
  line=$(light_to_frame page)
  check "optical: $line tenths of a millisecond from the page's light" [ $((line > -167 && line < 10000)) = 1 ]
}

# A camera that looks at the screen on which the clock is: frames are held back for a known time, which has to be
# found within the time from frame to frame and what both measurements may be off by.
look_at_the_clock() {
  local screen ready display delay=200 found grab shown margin
  command -v Xvfb >/dev/null || { echo "skipped optical: Xvfb is missing"; return; }
  exec {ready}< <(exec Xvfb -noreset -displayfd 1 -screen 0 720x720x24 -nolisten tcp 2>/dev/null)
  screen=$!
  read -r display <&"$ready"
  export DISPLAY=:$display
  # Before the conversion: behind it the queue would hold the few buffers that PipeWire has.
  grab="ximagesrc use-damage=false show-pointer=false ! video/x-raw,framerate=30/1 ! queue max-size-buffers=0"
  grab="$grab max-size-time=0 max-size-bytes=0 min-threshold-time"
  shown="videoconvert ! videoscale ! video/x-raw,format=YUY2,width=480,height=480"
  optical at-once "$grab=0 ! $shown"
  check "optical: the clock is read" [ "$status" = 0 ]
  optical held-back "$grab=${delay}000000 ! $shown"
  check "optical: the clock is read in frames that are held back" [ "$status" = 0 ]
  found=$(($(light_to_frame held-back) - $(light_to_frame at-once)))
  margin=$((334 + $(uncertainty held-back) + $(uncertainty at-once)))
  check "optical: of $delay ms $found tenths of a millisecond are found, with a margin of $margin" \
    [ $((found > delay * 10 - margin && found < delay * 10 + margin)) = 1 ]
  optical to-pose "$grab=0 ! $shown" --signal "$signal" --jpeg-quality 80
  check "optical: through a worker" [ "$status" = 0 ]
  found=$(median to-pose frame_to_pose_ms)
  check "optical: $found tenths of a millisecond from frame to pose" [ "$found" -gt 0 ]
  found=$(($(median to-pose light_to_pose_ms) - $(light_to_frame to-pose) - found))
  check "optical: the parts make the whole up to $found tenths of a millisecond" \
    [ $((found > -167 && found < 167)) = 1 ]
  optical no-worker "$grab=0 ! $shown" --signal ws://127.0.0.1:1
  check "optical: without a worker: status 1" [ "$status" = 1 ]
  optical elsewhere "$raw_720p30"
  check "optical: a camera that looks elsewhere: status 1" [ "$status" = 1 ]
  check "optical: it says what to do" grep -q '^error: .*Point the camera at the window' "$scratch/elsewhere.log"
  optical_page "$grab=0 ! $shown"
  kill "$screen"
  wait "$screen" || true
}
look_at_the_clock

conclude
