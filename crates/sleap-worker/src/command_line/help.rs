//! What `-h` and `--help` print beside the options, and which options `-h` shows.

use clap::Command;

/// The options that `-h` shows: those of a first worker.
const SHORT_HELP: [&str; 9] = [
    "model",
    "device",
    "display",
    "view",
    "save_poses",
    "listen",
    "metrics",
    "help",
    "version",
];

/// The options that `doctor -h` shows besides.
const DOCTOR_HELP: [&str; 2] = ["signal", "insecure"];

/// Leaves out of `-h` what a first worker does not need.
pub(super) fn with_short_help(command: Command) -> Command {
    cli::with_short_help(command, &SHORT_HELP, &DOCTOR_HELP)
}

/// The end of `-h`.
pub(super) const SHORT: &str = "\
Examples:
  sleap-worker --model exports/mouse          poses for clients that stream
  sleap-worker --model exports/mouse --view   and a page that shows them
All options: sleap-worker --help. As a manual: sleap-worker man | man -l -";

/// The end of long help and of the manual page.
pub(super) const LONG: &str = "\
Examples:
  Poses for clients that stream; and a page that shows them:
      sleap-worker --model exports/mouse
      sleap-worker --model exports/mouse --view
  Look at what arrives; keep one frame in a hundred:
      sleap-worker --display
      sleap-worker --save-every 100 --output seen
  Each pose at once to a program here; the poses of every stream as files:
      sleap-worker --model exports/mouse --emit udp://127.0.0.1:9000
      sleap-worker --model exports/mouse --save-poses poses
  For clients in a room of SLEAP-RTC:
      sleap-worker --model exports/mouse --room lab-room
  Numbers for Prometheus, a log for programs:
      sleap-worker --metrics --log-format json
  What runs the model here, and how fast:
      sleap-worker doctor --model exports/mouse
  A meeting point for machines that cannot reach each other:
      sleap-worker signal --listen 0.0.0.0:8080
  Completion of command lines in bash:
      sleap-worker completions bash \\
          > ~/.local/share/bash-completion/completions/sleap-worker

Settings:
  Every long option can also stand in the environment or in a file. The
  command line comes first, then the environment, then ./sleap-rtc.toml,
  then ~/.sleap-rtc/config.toml. A setting that contradicts a stronger
  source is ignored. --display=false switches off what a file switches on.
  ./sleap-rtc.toml says only what does no harm, as it may be another
  person's: not where data goes, who is trusted, or which files are read
  and written. --config FILE takes all of a file.
  Options may be written with underscores (--peak_threshold).

      [sleap-worker]
      model = \"~/exports/mouse\"
      device = \"cuda:1\"
      ice_server = [\"stun:10.9.0.1:3478\"]

Environment:
  SLEAP_WORKER_<OPTION>     any long option:
                            SLEAP_WORKER_MODEL=exports/mouse,
                            SLEAP_WORKER_DISPLAY=true; several values are
                            separated by commas
  SLEAP_STREAM_ICE_SERVERS, SLEAP_STREAM_ICE_CREDENTIALS
                            --ice-server and --ice-credentials, as of
                            sleap-stream
  SLEAP_STREAM_TURN_USERNAME, SLEAP_STREAM_TURN_PASSWORD
                            for TURN servers without credentials
  SLEAP_RTC_SIGNALING_WS    --signal; with --room, --room-server
  SLEAP_RTC_ACCOUNT_KEY, SLEAP_RTC_API_KEY
                            the key that opens a room
  SLEAP_ROOM_SECRET         the secret that clients have to know
  NOTIFY_SOCKET             where systemd hears that the worker is ready,
                            busy, ending
  ORT_DYLIB_PATH            ONNX Runtime's library, or its folder
  RUST_LOG                  what is logged, such as `debug`, `link=trace`
  NO_COLOR                  no colours
  DISPLAY                   the screen of --display

Files:
  ./sleap-rtc.toml, ~/.sleap-rtc/config.toml
      Settings, in the table [sleap-worker]; of other tables only
      signaling_websocket of [environments.production] is read.
  ~/.sleap-rtc/credentials.json, ~/.sleap-rtc/room-secrets
      The key and the secret of a room.
  ~/.local/share/sleap-stream/secret
      The secret that the worker has made for itself.
  ~/.local/share/sleap-stream/worker-names
      Its name at the signaling server of --signal.
  ~/.cache/sleap-stream/tensorrt
      Engines that TensorRT has built.

Exit codes:
  0    A report or a list was printed.
  1    Something failed. The line that begins with `error:` says what,
       and what to do.
  2    The command line, the environment or a file asks for something
       impossible.
  130  Ctrl-C or SIGTERM, the ordinary end. What was received is answered
       first, and after SIGTERM running streams may go on for
       --drain-timeout.";
