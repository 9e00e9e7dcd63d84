//! What `-h` and `--help` print beside the options, and which options `-h` shows.

use clap::Command;

/// The options that `-h` shows: those of a first stream.
const SHORT_HELP: [&str; 10] = [
    "words",
    "webcam",
    "test_pattern",
    "send_file",
    "jpeg_quality",
    "output",
    "display",
    "worker",
    "help",
    "version",
];

/// The options that `doctor -h` shows besides.
const DOCTOR_HELP: [&str; 3] = ["signal", "worker_id", "room"];

/// Leaves out of `-h` what a first stream does not need.
pub(super) fn with_short_help(command: Command) -> Command {
    cli::with_short_help(command, &SHORT_HELP, &DOCTOR_HELP)
}

/// The end of `-h`.
pub(super) const SHORT: &str = "\
Examples: sleap-stream --webcam 0 --jpeg-quality 80   what the camera sees
          sleap-stream video.mp4 -o poses.slp         every frame, for SLEAP
All options: sleap-stream --help. As a manual: sleap-stream man | man -l -";

/// The end of long help and of the manual page.
pub(super) const LONG: &str = "\
Examples:
  Poses of what the camera sees; over a narrow link never older than 0.2 s:
      sleap-stream --webcam 0 --jpeg-quality 80
      sleap-stream --webcam 0 --max-latency 200
  A video at its own pace; every frame's pose for SLEAP; images:
      sleap-stream --stream video.mp4 --fps 30
      sleap-stream video.mp4 -o poses.slp
      sleap-stream 'img/*.png' -o poses.slp
  The video itself goes, and its poses come back as a file:
      sleap-stream --send-file video.mp4
  Two cameras, with a table of the frames that belong together, for 3D:
      sleap-stream --webcam 0 --webcam 2 -o rig.slp
  What the camera saw, too:
      sleap-stream --webcam 0 --record day1.mkv -o day1.slp
  Each pose at once to a program here, or on standard output:
      sleap-stream --webcam 0 --emit udp://127.0.0.1:9000
      sleap-stream --test-pattern 640x480@60 -o -
      sleap-stream video.mp4 --json | jq .age_ms
  To the worker in a room of SLEAP-RTC:
      sleap-stream --webcam 0 --room lab-room
  Store a worker's link, which it prints, and use it:
      sleap-stream pair -
      sleap-stream --worker rig --webcam 0
  The cameras here; what is missing, and what to do about it:
      sleap-stream cameras
      sleap-stream doctor rig
  Completion of command lines in bash:
      sleap-stream completions bash \\
          > ~/.local/share/bash-completion/completions/sleap-stream

Settings:
  Every long option can also stand in the environment or in a file. The
  command line comes first, then the environment, then ./sleap-rtc.toml,
  then ~/.sleap-rtc/config.toml. A setting that contradicts a stronger
  source is ignored. --display=false switches off what a file switches on.
  ./sleap-rtc.toml sets only what does no harm, as it may be another
  person's: not where data goes, who is trusted, or which files are read
  and written. --config FILE takes all of a file.
  Options may be written with underscores (--jpeg_quality).

      [sleap-stream]
      signal = \"ws://10.9.0.1:8080\"
      jpeg_quality = 80
      display = true

Environment:
  SLEAP_STREAM_<OPTION>     any long option: SLEAP_STREAM_JPEG_QUALITY=80,
                            SLEAP_STREAM_DISPLAY=true; several values are
                            separated by commas
  SLEAP_STREAM_ICE_SERVERS  --ice-server
  SLEAP_STREAM_TURN_USERNAME, SLEAP_STREAM_TURN_PASSWORD
                            for TURN servers without credentials
  SLEAP_RTC_SIGNALING_WS    --signal; with --room, --room-server
  SLEAP_STREAM_WORKER       --worker, where other users do not see a link
  SLEAP_ROOM_SECRET         the secret that the worker has too
  RUST_LOG                  what is logged, such as `debug`, `link=trace`
  NO_COLOR                  no colours
  DISPLAY                   the screen of --display

Files:
  ./sleap-rtc.toml, ~/.sleap-rtc/config.toml
      Settings, in the table [sleap-stream]; of other tables only
      signaling_websocket of [environments.production] is read.
  ~/.sleap-rtc/credentials.json, ~/.sleap-rtc/room-secrets
      The login and the secret of a room.
  ~/.local/share/sleap-stream/workers
      The links that `pair` stored, with their secrets.

Exit codes:
  0    All was done.
  1    Something failed, or no poses came for what wants them. The line
       that begins with `error:` says what, and what to do.
  2    The command line, the environment or a file asks for something
       impossible.
  130  Ctrl-C or SIGTERM ended the run; what was predicted is kept.";
