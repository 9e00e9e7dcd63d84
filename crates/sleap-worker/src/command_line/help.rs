//! The text of `--help` beside the options.

/// The examples of short help and of long help.
macro_rules! examples {
    () => {
        "Examples:
  sleap-worker --model exports/mouse           poses for clients that stream
  sleap-worker --display                       look at what arrives
  sleap-worker --model exports/mouse --view    and a page that shows them
  sleap-worker --model exports/mouse --emit udp://127.0.0.1:9000
                                               each pose at once to a program here
  sleap-worker --metrics --log-format json     numbers for Prometheus, a log for programs
  sleap-worker doctor --model exports/mouse    what runs the model here, and how fast
  sleap-worker --save-every 100 --output seen  keep one frame in a hundred
  sleap-worker --model exports/mouse --save-poses poses
                                               keep the poses of every stream
  sleap-worker --model exports/mouse --room lab-room
                                               for clients in a room of SLEAP-RTC
  sleap-worker signal --listen 0.0.0.0:8080    a meeting point for machines that cannot reach each other"
    };
}

/// Below the options, in short help.
pub(super) const EXAMPLES: &str = examples!();

/// The end of long help and of the manual page.
pub(super) const LONG: &str = concat!(
    examples!(),
    "
  sleap-worker config                          the settings in effect, and their sources
  sleap-worker completions bash > ~/.local/share/bash-completion/completions/sleap-worker

Settings:
  Every long option can also stand in the environment or in a file; the command line comes first, then
  the environment, then ./sleap-rtc.toml, then ~/.sleap-rtc/config.toml. A setting that contradicts a
  stronger source is ignored. --display=false switches off what a file switches on.
  ./sleap-rtc.toml says only what does no harm, as it may be another person's: not where data goes, who
  is trusted, or which files are read and written. --config FILE takes all of a file.
  Options may be written with underscores (--peak_threshold).

      [sleap-worker]
      model = \"~/exports/mouse\"
      device = \"cuda:1\"
      ice_server = [\"stun:10.9.0.1:3478\"]

Environment:
  SLEAP_WORKER_<OPTION>        any long option: SLEAP_WORKER_MODEL=exports/mouse, SLEAP_WORKER_DISPLAY=true;
                               several values are separated by commas
  SLEAP_STREAM_ICE_SERVERS, SLEAP_STREAM_ICE_CREDENTIALS
                               --ice-server and --ice-credentials, as of sleap-stream
  SLEAP_STREAM_TURN_USERNAME, SLEAP_STREAM_TURN_PASSWORD
                               for TURN servers that have no credentials of their own
  SLEAP_RTC_SIGNALING_WS       --signal; with --room, --room-server
  SLEAP_RTC_ACCOUNT_KEY, SLEAP_RTC_API_KEY
                               the key that opens a room
  SLEAP_ROOM_SECRET            the secret that clients have to know
  NOTIFY_SOCKET                where systemd hears that the worker is ready, busy, ending
  ORT_DYLIB_PATH               ONNX Runtime's library, or the folder with it
  RUST_LOG                     what is logged, such as `debug` or `link=trace`
  NO_COLOR                     no colours
  DISPLAY                      the screen of --display

Files:
  ./sleap-rtc.toml, ~/.sleap-rtc/config.toml
                               settings, in the table [sleap-worker]; of other tables only
                               signaling_websocket of [environments.production] is read
  ~/.sleap-rtc/credentials.json, ~/.sleap-rtc/room-secrets
                               the key and the secret of a room
  ~/.local/share/sleap-stream/secret
                               the secret that the worker has made for itself
  ~/.local/share/sleap-stream/worker-names
                               its name at the signaling server of --signal
  ~/.cache/sleap-stream/tensorrt
                               engines that TensorRT has built

Exit codes:
  0    a report or a list was printed
  1    something failed; the line that begins with `error:` says what, and what to do
  2    the command line, the environment or a file asks for something impossible
  130  Ctrl-C or SIGTERM: the ordinary end; what was received is answered first, and after SIGTERM
       the running stream may go on for --drain-timeout"
);
