#!/usr/bin/env bash
# Runs a command on a machine without cameras as if it had one, with a PipeWire source behind V4L2.
#   pipewire.sh 'GSTREAMER SOURCE' -- COMMAND...
# The command's V4L2 calls (LD_PRELOAD of pw-v4l2) see the source as device 0. Name a raw source's pixel
# format (format=YUY2): one that is left open cannot be opened. One command, one opening of the device.
# Returns the command's status; 125 if the camera could not be set up, 77 if this machine cannot do it.
set -euo pipefail

unavailable() { echo "pipewire.sh: $2" >&2; exit "$1"; }

for program in dbus-run-session pipewire wireplumber pw-dump pw-v4l2 gst-launch-1.0; do
  command -v "$program" >/dev/null || unavailable 77 "$program is missing: run examples/setup.sh --tests"
done
# From there on the source ends when a reader lets go of it. That one opening is enough there has not been tried.
version=$(pipewire --version | sed -n 's/^Linked with libpipewire //p')
if [ "$(printf '%s\n' 1.4 "$version" | sort -V | sed 1q)" = 1.4 ]; then
  unavailable 77 "PipeWire $version cannot stand in for a camera; versions before 1.4 can"
fi
if [ "$#" -lt 3 ] || [ "$2" != -- ]; then unavailable 125 "usage: pipewire.sh 'GSTREAMER SOURCE' -- COMMAND..."; fi

if [ -z "${SLEAP_STREAM_CAMERA_BUS:-}" ]; then
  SLEAP_STREAM_CAMERA_BUS=1 exec dbus-run-session -- "$0" "$@"
fi
unset SLEAP_STREAM_CAMERA_BUS

read -ra source <<<"$1"
shift 2

# A session of its own, so that neither the user's PipeWire nor its state is touched.
session=$(mktemp -d)
export PIPEWIRE_RUNTIME_DIR=$session
services=()

end_session() {
  local index
  for ((index = ${#services[@]} - 1; index >= 0; index--)); do
    kill "${services[index]}" 2>/dev/null || true
    wait "${services[index]}" 2>/dev/null || true
  done
  rm -rf "$session"
}
trap end_session EXIT
trap 'exit 130' INT TERM

# start NAME COMMAND...: in the background, with what it prints in $session/NAME.log
start() {
  local name=$1
  shift
  XDG_RUNTIME_DIR=$session XDG_STATE_HOME=$session/state XDG_CONFIG_HOME=$session/config \
    "$@" >"$session/$name.log" 2>&1 &
  services+=($!)
}

# wait_until NAME CONDITION...: until the condition holds; gives up when the service NAME (the last
# started) ends, or after 30 s.
wait_until() {
  local name=$1 polls=600
  shift
  until "$@"; do
    if ! kill -0 "${services[-1]}" 2>/dev/null || [ "$((polls -= 1))" = 0 ]; then
      cat "$session/$name.log" >&2
      unavailable 125 "$name did not come up"
    fi
    sleep 0.05 # between two looks
  done
}

# The session manager names a default camera once it knows the source and its formats.
camera_is_offered() { [[ $(pw-dump 2>/dev/null) == *'"default.video.source"'*'"name": "fakecam"'* ]]; }

start pipewire pipewire
wait_until pipewire test -S "$session/pipewire-0"
start wireplumber wireplumber
start camera gst-launch-1.0 -q "${source[@]}" ! pipewiresink mode=provide \
  stream-properties=props,media.class=Video/Source,node.name=fakecam,node.description=fakecam
wait_until camera camera_is_offered

pw-v4l2 "$@"
