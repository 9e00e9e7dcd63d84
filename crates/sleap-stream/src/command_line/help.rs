//! What `--help` prints beside the options.

/// The examples of short help and of long help.
macro_rules! examples {
    () => {
        "Examples:
  sleap-stream --webcam 0 --jpeg-quality 80            poses of what the camera sees
  sleap-stream --webcam 0 --max-latency 200            ... over a narrow link, never older than 0.2 s
  sleap-stream --stream video.mp4 --fps 30             a video at its own pace
  sleap-stream --stream video.mp4 -o poses.slp         every frame's pose, for SLEAP
  sleap-stream --send-file video.mp4                   the video itself goes; the poses come as a file
  sleap-stream --webcam 0 --record day1.mkv -o day1.slp what the camera saw, too
  sleap-stream --webcam 0 --emit udp://127.0.0.1:9000  each pose at once to a program here
  sleap-stream --test-pattern 640x480@60 -o -          no camera needed; poses on standard output
  sleap-stream --webcam 0 --room lab-room              to the worker in a room of SLEAP-RTC
  sleap-stream cameras                                 the cameras here, and what to give for them
  sleap-stream pair -                                  stores a worker's link: paste what it prints
  sleap-stream doctor --worker rig                     what is missing, and what to do about it"
    };
}

/// Below the options, in short help too.
pub(crate) const EXAMPLES: &str = examples!();

/// The end of long help and of the manual page.
pub(crate) const LONG: &str = concat!(
    examples!(),
    "
  sleap-stream --stream video.mp4 --json | jq .age_ms  watched by another program
  sleap-stream config                                  the settings in effect, and where they stand
  sleap-stream completions bash > ~/.local/share/bash-completion/completions/sleap-stream

Settings:
  Every long option can also stand in the environment or in a file; the command line comes first, then
  the environment, then ./sleap-rtc.toml, then ~/.sleap-rtc/config.toml. A setting that contradicts a
  stronger source is ignored. --display=false switches off what a file switches on.
  ./sleap-rtc.toml sets only what does no harm, as it may be another person's: not where data goes, who
  is trusted, or which files are read and written. --config FILE takes all of a file.
  Options may be written with underscores (--jpeg_quality).

      [sleap-stream]
      signal = \"ws://10.9.0.1:8080\"
      jpeg_quality = 80
      display = true

Environment:
  SLEAP_STREAM_<OPTION>        any long option: SLEAP_STREAM_JPEG_QUALITY=80, SLEAP_STREAM_DISPLAY=true;
                               several values are separated by commas
  SLEAP_STREAM_ICE_SERVERS     --ice-server
  SLEAP_STREAM_TURN_USERNAME, SLEAP_STREAM_TURN_PASSWORD
                               for TURN servers that have no credentials of their own
  SLEAP_RTC_SIGNALING_WS       --signal; with --room, --room-server
  SLEAP_STREAM_WORKER          --worker; other users do not see a link there
  SLEAP_ROOM_SECRET            the secret that the worker has too
  RUST_LOG                     what is logged, such as `debug` or `link=trace`
  NO_COLOR                     no colours
  DISPLAY                      the screen of --display

Files:
  ./sleap-rtc.toml, ~/.sleap-rtc/config.toml
                               settings, in the table [sleap-stream]; of other tables only
                               signaling_websocket of [environments.production] is read
  ~/.sleap-rtc/credentials.json, ~/.sleap-rtc/room-secrets
                               the login and the secret of a room
  ~/.local/share/sleap-stream/workers
                               the links that `pair` stored, with their secrets

Exit codes:
  0    all was done
  1    something failed, or no poses came for what wants them; the line that begins with `error:`
       says what, and what to do
  2    the command line, the environment or a file asks for something impossible
  130  Ctrl-C or SIGTERM ended the run; what was predicted is kept"
);
