//! The settings outside the command line, and the text of `--version`.

use anyhow::Result;
use clap::CommandFactory;
use cli::settings::{ChosenSettings, ProgramSettings, RULES};
use cli::{ExitStatus, RoomArgs};

use super::args::Args;
use super::help::with_short_help;

/// The program's settings outside the command line.
pub const SETTINGS: ProgramSettings = ProgramSettings {
    table: "sleap-worker",
    prefix: "SLEAP_WORKER",
    other_variables: &[
        ("ice_server", "SLEAP_STREAM_ICE_SERVERS"),
        ("ice_credentials", "SLEAP_STREAM_ICE_CREDENTIALS"),
        ("signal", "SLEAP_RTC_SIGNALING_WS"),
        ("room_server", "SLEAP_RTC_SIGNALING_WS"),
    ],
    further_variables: &[],
    rules: RULES,
    unyielding: &["insecure"],
    positional: None,
    give_way,
};

/// The command line, with the text of `--version`.
pub fn command() -> clap::Command {
    cli::program_info::with_version(with_short_help(Args::command()), long_version)
}

/// What `--version` prints, where nothing else is on the command line.
pub fn print_version() -> Result<ExitStatus> {
    cli::program_info::print_version("sleap-worker", &long_version()).map(|()| ExitStatus::Done)
}

fn long_version() -> String {
    let runtime = match pose::runtime::load(None) {
        Ok(runtime) => format!("{} ({})", runtime.version, runtime.path.display()),
        Err(_) => "not found (`sleap-worker doctor` says more)".to_owned(),
    };
    let mut libraries = vision::linked_libraries().to_vec();
    libraries.push(("ONNX Runtime", runtime));
    cli::program_info::long_version(&libraries)
}

/// Removes weaker values that contradict stronger ones, where clap cannot express that.
fn give_way(settings: &mut ChosenSettings) {
    RoomArgs::give_way(settings);
    if !settings.is_set("save_every") {
        settings.drop_weak("output");
    }
    let has_tensorrt = settings
        .text("device")
        .is_some_and(|device| device.starts_with("tensorrt"));
    if !has_tensorrt {
        settings.yield_to("fp16", "device");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cli::settings::SettingsSources;

    fn settings(line: &str, file: &str) -> Result<Args, clap::Error> {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join(".sleap-rtc");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("config.toml"), file).unwrap();
        let sources = SettingsSources {
            variables: [("SLEAP_RTC_SIGNALING_WS".to_owned(), "ws://lab".into())].into(),
            folder: dir.path().to_owned(),
            home: Some(dir.path().to_owned()),
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
    fn what_a_file_says_gives_way_to_the_command_line() {
        let file = "[sleap-worker]\noutput = 'seen'\ndevice = 'tensorrt'\nfp16 = true\n";
        let args = settings("sleap-worker --device cpu --listen 127.0.0.1:0", file).unwrap();
        args.check().unwrap();
        assert!(!args.device.fp16 && args.signal.is_none());
        assert_eq!(args.listen.port(), 0);
        let args = settings("sleap-worker --save-every 5", file).unwrap();
        args.check().unwrap();
        assert!(args.device.fp16 && args.output.ends_with("seen"));
        assert_eq!(args.signal.as_deref(), Some("ws://lab"));
    }
}
