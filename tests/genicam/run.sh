#!/usr/bin/env bash
# Streams GigE Vision cameras (Aravis's fake ones, in networks of their own) through the real binaries. 77 if this
# machine cannot make them. Needs the debug build; SLEAP_STREAM_BIN names another folder of binaries. Takes about a minute.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
repo=$(cd "$here/../.." && pwd)
# shellcheck source=tests/checks.sh
. "$repo/tests/checks.sh"
# shellcheck source=tests/namespaces.sh
. "$repo/tests/namespaces.sh"
# shellcheck source=tests/genicam/hosts.sh
. "$here/hosts.sh"
binaries=${SLEAP_STREAM_BIN:-${CARGO_TARGET_DIR:-$repo/target}/debug}
python=${SLEAP_STREAM_TEST_PYTHON:-python3}

enter_namespaces arv-fake-gv-camera-0.8 -- "$@"
build_hosts || unavailable "this kernel has no virtual networks"

ready() { grep -qs '^ready: ' "$scratch/$1.out"; }

# start_worker NAME OPTIONS...: a worker that saves each frame in the folder of that name. Sets $signal.
start_worker() {
  local name=$1
  shift
  in_host client "$binaries/sleap-worker" --listen 127.0.0.1:0 --save-every 1 --output "$scratch/$name" "$@" \
    >"$scratch/$name.out" 2>"$scratch/$name.log" &
  wait_until "the worker $name" ready "$name"
  signal=$(sed -n 's/^ready: //p' "$scratch/$name.out")
}

# The camera's ramp is exact with this exposure.
exact=(--camera-set ExposureTimeAbs=10000 --camera-set GainRaw=0 --camera-set PixelFormat=Mono8)

# begin NAME OPTIONS...: a client in the background; sets $client.
begin() {
  local name=$1
  shift
  NO_COLOR=1 ip netns exec client "$binaries/sleap-stream" --signal "$signal" -v "$@" >"$scratch/$name.out" 2>"$scratch/$name.log" &
  client=$!
}

# client NAME OPTIONS...: a client in the foreground; sets $status.
client() {
  begin "$@"
  status=0
  wait "$client" || status=$?
}

says() { grep -Eqs "$2" "$scratch/$1.log"; }
lacks() { ! says "$@"; }

# expect NAME STATUS: how the client ended.
expect() {
  check "$1: the client ends with status $2" [ "$status" = "$2" ]
  [ "$status" = "$2" ] || cat "$scratch/$1.log"
}

# shows NAME OPTIONS...: the frames that the worker has saved are the camera's.
shows() {
  local name=$1
  shift
  check "$name: the frames are the camera's" "$python" "$here/frames.py" "$scratch/frames" "$@"
  forget
}

# A frame has been saved.
arrived() { compgen -G "$scratch/frames/*.png" >/dev/null; }

# The frames that were saved are of no interest any more.
forget() { find "$scratch/frames" -name '*.png' -delete; }

start_camera 1 "$scratch/camera1.log"
first=$camera
start_camera 2 "$scratch/camera2.log"
start_worker frames

# --- The list, and the checks of the machine.
in_host client "$binaries/sleap-stream" cameras >"$scratch/list.log"
check "cameras: both are listed with their formats" \
  [ "$(grep -Ec '^genicam:RIG[12] +Aravis Fake RIG[12] +\(GigEVision, 10.73.[12].2\)' "$scratch/list.log")-$(grep -c Mono16 "$scratch/list.log")" = 2-2 ]
in_host client "$binaries/sleap-stream" doctor >"$scratch/doctor.log" || true
check "doctor: library, cameras, buffers and MTU" \
  [ "$(grep -Ec 'Aravis 0|genicam:RIG[12]|socket buffers|MTU of eth[12]' "$scratch/doctor.log")" = 6 ]

# --- Frames as the camera makes them, in its formats. Where none may be lost they are small: several of them are in the
# socket's buffer while this machine does something else. A whole frame, which the camera sends at once, is not.
small=160x120
# A camera keeps its settings.
whole=(--camera-roi 512x512)
client gray --camera genicam:RIG1 "${exact[@]}" --camera-roi "$small+0+0" --max-frames 45 --every-frame
expect gray 0
check "gray: no frame is lost" lacks gray 'camera lost'
shows gray --size "$small" --format mono8 --count 45 --in-order
client deep --camera genicam:RIG1 "${exact[@]}" --camera-set PixelFormat=Mono16 --camera-roi "$small+0+0" --max-frames 5 --every-frame
expect deep 0
shows deep --size "$small" --format mono16 --count 5 --in-order
client colours --camera genicam:10.73.2.2 "${exact[@]}" --camera-set PixelFormat=RGB8 --camera-roi 320x240+8+16 --max-frames 10
expect colours 0
shows colours --size 320x240 --format rgb8 --count 10
client mosaic --camera genicam:RIG2 "${exact[@]}" --camera-set PixelFormat=BayerGB8 --camera-roi 512x512 --max-frames 10
expect mosaic 0
shows mosaic --size 512x512 --format bayer --count 10

# --- Settings that the camera does not take.
client feature --camera genicam:RIG1 --camera-set ExposureTime=5000
expect feature 1
check "feature: the error names the nearest" says feature '^error: .*no feature ExposureTime. It has ExposureTimeAbs'
client limit --camera genicam:RIG1 --camera-set GainRaw=99
check "limit: the error names the limits" says limit '^error: .*GainRaw=99: it takes 0 to 10'
client absent --camera genicam:NOWHERE
check "absent: the error names the cameras" says absent '^error: .*no GenICam camera NOWHERE.*RIG1.*RIG2'

# --- Two cameras of one client: frames of the same moment.
frames_signal=$signal
start_worker poses --model "$repo/examples/demo/model"
client rig --camera genicam:RIG1 --camera genicam:RIG2 "${exact[@]}" --camera-roi "$small+0+0" \
  --resize 256x192 --every-frame --max-frames 45 --camera-name left --camera-name right -o "$scratch/rig.csv"
signal=$frames_signal
expect rig 0
# Both run at 25 frames/s, so that all but the first and the last ones have a partner within half a frame.
paired() {
  awk -F, 'NR == 1 { if ($0 != "moment,captured_us,spread_us,left,right") wrong = 1; next }
    $4 != "" && $5 != "" { pairs++; if ($3 > 20000) wrong = 1 } END { exit wrong || pairs < 25 }' "$scratch/rig-moments.csv"
}
check "rig: frames of both cameras belong together" paired

# --- Two cameras at once.
begin one --camera genicam:RIG1 "${exact[@]}" "${whole[@]}" --max-frames 45
one=$client
start_worker others
begin other --camera genicam:RIG2 "${exact[@]}" "${whole[@]}" --max-frames 45
signal=$frames_signal
status=0
wait "$client" || status=$?
expect other 0
status=0
wait "$one" || status=$?
expect one 0
shows one --size 512x512 --format mono8 --count 45

# --- A second program at a camera.
begin first --camera genicam:RIG1
holder=$client
wait_until "a stream" says first 'connected over'
client busy --camera genicam:RIG1 --max-frames 1
expect busy 1
check "busy: the error says why" says busy '^error: .*controlled by another program'
kill -TERM "$holder"
status=0
wait "$holder" || status=$?
expect first 130
forget

# --- Triggers.
client software --camera genicam:RIG1 "${exact[@]}" --camera-roi "$small+0+0" --trigger software --fps 20 --max-frames 20
expect software 0
shows software --size "$small" --format mono8 --count 20 --in-order
begin hardware --camera genicam:RIG1 --trigger hardware:Line0
wait_until "a stream without triggers" says hardware 'connected over'
kill -TERM "$client"
status=0
wait "$client" || status=$?
expect hardware 130
client line --camera genicam:RIG1 --trigger hardware:Line7
check "line: the error names the camera's lines" says line '^error: .*TriggerSource=Line7: it takes Line0, Software'

# --- Packets that are lost on their way.
lose_packets camera1 500
client losing --camera genicam:RIG1 "${exact[@]}" "${whole[@]}" --max-frames 45 --every-frame
expect losing 1
check "losing: the error counts the frames" says losing '^error: [0-9]+ frames of .* did not arrive whole'
check "losing: the summary has them" says losing '^camera lost +[0-9]+ '
client live --camera genicam:RIG1 "${exact[@]}" "${whole[@]}" --max-frames 45
expect live 0
check "live: lost frames are said" says live 'frames of the camera are lost'
client missed --camera genicam:RIG1 "${exact[@]}" "${whole[@]}" --trigger software --max-frames 6
expect missed 1
check "missed: a trigger without a frame is an error" says missed '^error: [0-9]+ frames of .* did not arrive whole'
lose_nothing camera1
forget

# --- A camera that goes, and comes back, and does not.
begin restarted --camera genicam:RIG1 "${exact[@]}" "${whole[@]}" --max-frames 150
wait_until "a stream" says restarted 'connected over'
kill -KILL "$first"
wait_until "the loss" says restarted 'the camera is lost'
start_camera 1 "$scratch/camera1.log"
first=$camera
wait_until "the return" says restarted 'the camera is back'
status=0
wait "$client" || status=$?
expect restarted 0
shows restarted --size 512x512 --format mono8 --count 150
begin gone --camera genicam:RIG1 --reconnect-timeout 2
wait_until "a frame" arrived
kill -KILL "$first"
status=0
wait "$client" || status=$?
expect gone 1
check "gone: the error says so" says gone '^error: Aravis Fake RIG1 stopped delivering after [0-9]+ frames'

count_checks
