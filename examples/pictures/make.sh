#!/usr/bin/env bash
# Makes the pictures of the pages again, from the real programs with the demonstration model.
#   make.sh [GROUP...]     diagrams, pose, terminal, view, window; all of them if none is named
# Needs what `examples/setup.sh --tests` installs. SLEAP_STREAM_BIN names the folder of the binaries (target/release).
set -euo pipefail
# shellcheck source=examples/env.sh
. "$(dirname "${BASH_SOURCE[0]}")/../env.sh"
cd "$repo"

pictures=$repo/examples/pictures
python=${SLEAP_STREAM_TEST_PYTHON:-$peers_venv/bin/python}
export SLEAP_STREAM_BIN=${SLEAP_STREAM_BIN:-${CARGO_TARGET_DIR:-$repo/target}/release}
export SLEAP_STREAM_NO_CONFIG=1 SLEAP_WORKER_NO_CONFIG=1
[ -x "$SLEAP_STREAM_BIN/sleap-worker" ] || fail "no binaries in $SLEAP_STREAM_BIN: run cargo build --release --bins"

scratch=$(mktemp -d)
started=()
cleanup() {
  for pid in "${started[@]}"; do kill "$pid" 2>/dev/null || true; done
  rm -rf "$scratch"
}
trap cleanup EXIT

# start_worker OPTION...: a worker with the demonstration model; $signal is its address.
start_worker() {
  local line ready
  exec {ready}< <(exec "$SLEAP_STREAM_BIN/sleap-worker" --listen 127.0.0.1:0 --model examples/demo/model "$@" \
    2>"$scratch/worker.log")
  started+=($!)
  read -r line <&"$ready" || { cat "$scratch/worker.log" >&2; fail "the worker did not start"; }
  signal=${line#ready: }
}

# small PNG: fewer bytes, the same picture to the eye.
small() { convert "$1" -strip +dither -colors 255 -define png:compression-level=9 "PNG8:$1"; }

make_diagrams() { "$python" "$pictures/diagrams.py" "$pictures"; }

make_pose() {
  start_worker
  "$SLEAP_STREAM_BIN/sleap-stream" --signal "$signal" --stream examples/demo/video.mp4 --frames 0-120 --quiet \
    --overwrite --snapshot "$pictures/pose.png" --output "$scratch/poses.jsonl"
  small "$pictures/pose.png"
  say "the frame in pose.png: $(tail -n 1 "$scratch/poses.jsonl")"
}

make_terminal() {
  start_worker
  "$python" "$pictures/terminal.py" "$pictures/terminal.svg" "$signal"
}

make_view() { "$python" "$pictures/view.py" "$pictures" && small "$pictures/view-desktop.png" && small "$pictures/view-phone.png"; }

# has_colour PNG: whether a picture of gray frames has a skeleton on it.
has_colour() { [ "$(convert "$1" -colorspace HSL -channel G -separate -format '%[fx:maxima > 0.5]' info:)" = 1 ]; }

make_window() {
  local number display window client
  exec {number}< <(exec Xvfb -displayfd 1 -screen 0 700x520x24 -nolisten tcp 2>/dev/null)
  started+=($!)
  read -r display <&"$number"
  unset WAYLAND_DISPLAY
  DISPLAY=:$display start_worker --display
  "$SLEAP_STREAM_BIN/sleap-stream" --signal "$signal" --test-pattern 512x384@30 --quiet 2>/dev/null &
  client=$!
  started+=("$client")
  window=$(DISPLAY=:$display xdotool search --sync --onlyvisible --name sleap-worker | head -n 1)
  # Drawing follows the prediction by a moment: the window is looked at until it shows a skeleton.
  while true; do
    DISPLAY=:$display import -window "$window" "$pictures/worker-window.png" || fail "the window cannot be read"
    has_colour "$pictures/worker-window.png" && break
  done
  kill "$client"
  small "$pictures/worker-window.png"
}

[ $# -gt 0 ] || set -- diagrams pose terminal view window
for group in "$@"; do
  case $group in
    diagrams | pose | terminal | view | window) say "$group"; "make_$group" ;;
    *) fail "there is no group $group: diagrams, pose, terminal, view, window" ;;
  esac
done
ls -l "$pictures"/*.svg "$pictures"/*.png
