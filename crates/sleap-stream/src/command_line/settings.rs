//! Options that stand in the environment or in a settings file.

use cli::RoomArgs;
use cli::settings::{ChosenSettings, ProgramSettings, RULES};

use crate::config::is_path;

/// Variables that are no settings: credentials of TURN servers, and what scripts and tests of this project use.
const FURTHER_VARIABLES: &[&str] = &[
    "TURN_USERNAME",
    "TURN_PASSWORD",
    "BENCH_BINARIES",
    "BENCH_CACHE",
    "BIN",
    "CAMERA_BUS",
    "FAST_WRITE",
    "SLEAP_NN",
    "TEST_CHROMIUM",
    "TEST_FIREFOX",
    "TEST_PYTHON",
    "VM_MEMORY",
    "VM_SECONDS",
    "WRITE_PAGES",
];

/// The program's settings outside the command line.
pub const SETTINGS: ProgramSettings = ProgramSettings {
    table: "sleap-stream",
    prefix: "SLEAP_STREAM",
    other_variables: &[
        ("ice_server", "SLEAP_STREAM_ICE_SERVERS"),
        ("signal", "SLEAP_RTC_SIGNALING_WS"),
        ("room_server", "SLEAP_RTC_SIGNALING_WS"),
    ],
    further_variables: FURTHER_VARIABLES,
    rules: RULES,
    unyielding: &["insecure"],
    positional: Some(("words", "stream")),
    give_way,
};

/// Drops values that contradict those of a stronger source, in ways that clap cannot express.
fn give_way(settings: &mut ChosenSettings) {
    RoomArgs::give_way(settings);
    if !settings.is_set("webcam") {
        settings.drop_weak("webcam_size");
        settings.drop_weak("camera_format");
    }
    if !settings.is_set("camera") {
        settings.drop_weak("camera_roi");
        settings.drop_weak("camera_binning");
        settings.drop_weak("trigger");
    }
    // Both may be given, but what a stronger source says stands alone.
    settings.yield_to("webcam", "camera");
    settings.yield_to("camera", "webcam");
    for cameras in ["webcam", "camera", "test_pattern", "stream"] {
        // Names are those of the cameras that stand beside them.
        settings.yield_to("camera_name", cameras);
    }
    if !settings.is_set("webcam") && !settings.is_set("camera") {
        settings.drop_weak("camera_set");
    }
    let cameras = settings.count("webcam") + settings.count("camera");
    let others = settings.count("test_pattern").max(settings.count("stream"));
    if cameras.max(others) < 2 {
        settings.drop_weak("camera_name");
        settings.drop_weak("sync_tolerance");
    }
    let camera = |settings: &ChosenSettings| settings.text("jpeg_quality") == Some("camera");
    if camera(settings) {
        if !settings.is_set("webcam") {
            settings.drop_weak("jpeg_quality");
        }
        settings.yield_to("jpeg_quality", "resize");
        settings.yield_to("jpeg_quality", "max_latency");
    }
    if camera(settings) {
        settings.yield_to("resize", "jpeg_quality");
        settings.yield_to("max_latency", "jpeg_quality");
    }
    settings.yield_to("max_latency", "every_frame");
    let is_file = settings.text("stream").is_some_and(is_path);
    if is_file && !settings.is_set("live") {
        settings.yield_to("max_latency", "stream");
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;
    use cli::settings::SettingsSources;

    use super::*;
    use crate::command_line::args::Args;

    /// A home whose settings file this is.
    fn home(file: &str) -> tempfile::TempDir {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join(".sleap-rtc");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("config.toml"), file).unwrap();
        home
    }

    /// Settings of a line with the user's file.
    fn settings(line: &str, file: &str) -> Result<Args, clap::Error> {
        let dir = home(file);
        let sources = SettingsSources {
            folder: dir.path().to_owned(),
            home: Some(dir.path().to_owned()),
            ..SettingsSources::default()
        };
        let line = line.split(' ').map(Into::into).collect();
        cli::settings::parse_from(&SETTINGS, Args::command(), line, &sources)
            .map(|parsed| parsed.args)
    }

    #[test]
    fn every_option_is_in_the_table_of_what_a_working_directory_may_say() {
        let unknown = cli::settings::without_rule(&Args::command(), RULES);
        assert!(
            unknown.is_empty(),
            "crates/cli/src/settings/rules.rs lacks {unknown:?}"
        );
    }

    #[test]
    fn what_a_file_says_of_another_source_gives_way() {
        let file = "[sleap-stream]\nwebcam = 0\nwebcam_size = '640x480'\njpeg_quality = 'camera'\n";
        let args = settings("sleap-stream", file).unwrap();
        assert_eq!((args.webcam, args.webcam_size), (vec![0], Some((640, 480))));
        let args = settings("sleap-stream --stream a.mp4", file).unwrap();
        assert_eq!((args.webcam.len(), args.webcam_size), (0, None));
        assert!(args.jpeg_quality.is_none());
        crate::Config::try_from(args).unwrap();
        let args = settings("sleap-stream --resize 8x8", file).unwrap();
        assert!(args.jpeg_quality.is_none() && args.webcam == [0]);
        crate::Config::try_from(args).unwrap();
    }

    #[test]
    fn what_a_file_says_of_several_cameras_is_no_matter_of_one() {
        let file =
            "[sleap-stream]\nwebcam = [0, 2]\ncamera_name = ['back', 'side']\nsync_tolerance = 5\n";
        let run = |line: &str| {
            let run = crate::RunConfig::try_from(settings(line, file).unwrap()).unwrap();
            let names = run.streams.iter().map(|it| it.camera.clone());
            let names: Vec<_> = names.flatten().map(|it| it.to_string()).collect();
            (names, run.sync_tolerance.is_some())
        };
        let both = |names: [&str; 2]| (names.map(str::to_owned).to_vec(), true);
        assert_eq!(run("sleap-stream"), both(["back", "side"]));
        let others = "sleap-stream --webcam 1 --webcam 3";
        assert_eq!(run(others), both(["webcam1", "webcam3"]));
        for line in ["--webcam 1", "--camera genicam", "--test-pattern", "a.mp4"] {
            assert_eq!(
                run(&format!("sleap-stream {line}")),
                (vec![], false),
                "{line}"
            );
        }
    }

    #[test]
    fn a_latency_that_a_file_wants_is_no_matter_of_videos() {
        let file = "[sleap-stream]\nmax_latency = 200\n";
        let latency = |line: &str| settings(line, file).unwrap().max_latency;
        assert!(latency("sleap-stream --webcam 0").is_some());
        assert!(latency("sleap-stream --stream a.mp4 --live").is_some());
        assert!(latency("sleap-stream --stream rtsp://rig").is_some());
        for line in [
            "--stream a.mp4",
            "--webcam 0 --every-frame",
            "--webcam 0 --jpeg-quality camera",
        ] {
            assert!(latency(&format!("sleap-stream {line}")).is_none(), "{line}");
        }
    }

    #[test]
    fn a_room_and_a_server_elsewhere_yield_to_each_other() {
        let file = "[sleap-stream]\nroom = 'lab'\n[environments.staging]\nsignaling_websocket = 'wss://st'\n";
        let dir = home(file);
        let settings = |line: &str, variables: &[(&str, &str)]| {
            let text = |(name, value): &(&str, &str)| ((*name).to_owned(), value.into());
            let sources = SettingsSources {
                folder: dir.path().to_owned(),
                home: Some(dir.path().to_owned()),
                variables: variables.iter().map(text).collect(),
            };
            let line = line.split(' ').map(Into::into).collect();
            let parsed =
                cli::settings::parse_from::<Args>(&SETTINGS, Args::command(), line, &sources);
            let args = parsed.unwrap().args;
            let room = args.rendezvous.room;
            (room.room, room.room_server, args.signal)
        };
        let default = || cli::DEFAULT_SIGNAL.to_owned();
        let server = |url: &str| (Some("lab".to_owned()), url.to_owned(), default());
        let plain = settings("sleap-stream --webcam 0", &[]);
        assert_eq!(plain, server(link::signaling::rooms::Room::SERVER));
        let staging = settings("sleap-stream --webcam 0", &[("SLEAP_RTC_ENV", "Staging")]);
        assert_eq!(staging, server("wss://st"));
        let variable = [
            ("SLEAP_RTC_SIGNALING_WS", "ws://env"),
            ("SLEAP_RTC_ENV", "staging"),
        ];
        assert_eq!(
            settings("sleap-stream --webcam 0", &variable),
            server("ws://env")
        );
        let elsewhere = settings("sleap-stream --webcam 0 --signal ws://x", &variable);
        assert_eq!((elsewhere.0, elsewhere.2.as_str()), (None, "ws://x"));
        let own = [("SLEAP_STREAM_SIGNAL", "ws://x")];
        assert_eq!(settings("sleap-stream --room b", &own).2, default());
    }

    #[test]
    fn both_in_one_source_are_still_a_contradiction() {
        let file = "[sleap-stream]\nstream = 'a.mp4'\nmax_latency = 200\n";
        let args = settings("sleap-stream", file).unwrap();
        crate::Config::try_from(args).unwrap_err();
        let file = "[sleap-stream]\nstream = 'a.mp4'\nwebcam = 0\n";
        settings("sleap-stream", file).unwrap_err();
    }
}
