//! A program for the tests of settings, and the sources that its settings come from.

use clap::{ArgGroup, CommandFactory};

use super::*;

/// A program with a flag of each kind.
#[derive(Debug, Parser)]
#[command(name = "prog", args_conflicts_with_subcommands = true)]
#[command(group = ArgGroup::new("source").args(["file", "camera"]))]
pub(crate) struct Args {
    #[command(subcommand)]
    pub(super) command: Option<Sub>,
    #[arg(conflicts_with = "camera")]
    pub(super) words: Vec<String>,
    #[arg(long)]
    pub(super) file: Option<String>,
    #[arg(long)]
    pub(super) send: Option<PathBuf>,
    #[arg(long, conflicts_with = "key")]
    pub(super) insecure: bool,
    #[arg(long)]
    pub(super) key: Option<PathBuf>,
    #[arg(long, num_args = 0..=1, default_missing_value = "")]
    pub(super) room: Option<String>,
    #[arg(long, default_value = "wss://usual.example")]
    pub(super) room_server: String,
    #[arg(long)]
    pub(super) camera: Option<u32>,
    #[arg(long, value_parser = quality)]
    pub(super) jpeg_quality: Option<u8>,
    #[arg(long, default_value = "here", conflicts_with = "signal")]
    pub(super) listen: String,
    #[arg(long)]
    pub(super) signal: Option<String>,
    #[arg(long)]
    pub(super) display: bool,
    #[arg(long, alias = "no-live")]
    pub(super) every_frame: bool,
    #[arg(short, long)]
    pub(super) output: Vec<PathBuf>,
    #[arg(long, num_args = 0..=1, default_missing_value = "plain")]
    pub(super) refine: Option<String>,
    #[arg(long = "ice-server", hide_env_values = true, value_delimiter = ',')]
    pub(super) ice_servers: Vec<String>,
    #[arg(short, long, action = clap::ArgAction::Count, global = true)]
    pub(super) verbose: u8,
    #[command(flatten)]
    settings: SettingsArgs,
}

#[derive(Debug, clap::Subcommand)]
pub(super) enum Sub {
    Doctor {
        #[arg(long, default_value = "here")]
        signal: String,
        #[arg(long)]
        deep_look: bool,
    },
    Config,
}

pub(super) fn quality(text: &str) -> Result<u8, String> {
    text.parse()
        .map_err(|_| format!("'{text}' is not a quality"))
}

impl SettingsAware for Args {
    fn apply_settings(&mut self, _: &ChosenSettings) {}
}

pub(super) const PROGRAM: ProgramSettings = ProgramSettings {
    table: "prog",
    prefix: "PROG",
    other_variables: &[("signal", "OTHER_SIGNAL")],
    further_variables: &["TEST"],
    rules: &[
        ("file", Rule::Harmless),
        ("send", Rule::UserOnly(Concern::Source)),
        ("insecure", Rule::UserOnly(Concern::Trust)),
        ("camera", Rule::Harmless),
        ("jpeg_quality", Rule::Harmless),
        ("listen", Rule::Harmless),
        ("signal", Rule::Harmless),
        ("display", Rule::Harmless),
        ("every_frame", Rule::Harmless),
        ("output", Rule::Harmless),
        ("refine", Rule::Harmless),
        ("ice_server", Rule::Harmless),
        ("verbose", Rule::Harmless),
        ("deep_look", Rule::Harmless),
    ],
    unyielding: &["insecure"],
    positional: Some(("words", "file")),
    give_way: |_| {},
};

/// Sources of settings: variables, the folder's file and the user's file.
#[derive(Default)]
pub(super) struct TestSources {
    pub(super) variables: Vec<(&'static str, &'static str)>,
    pub(super) file: &'static str,
    pub(super) user_file: &'static str,
}

impl TestSources {
    pub(super) fn parsed(&self, line: &str) -> Result<ParsedArgs<Args>, Error> {
        let dir = tempfile::tempdir().unwrap();
        let home = dir.path().join("home");
        std::fs::create_dir_all(home.join(".sleap-rtc")).unwrap();
        if !self.file.is_empty() {
            std::fs::write(dir.path().join("sleap-rtc.toml"), self.file).unwrap();
        }
        if !self.user_file.is_empty() {
            std::fs::write(home.join(".sleap-rtc/config.toml"), self.user_file).unwrap();
        }
        std::fs::write(dir.path().join("named.toml"), "[prog]\njpeg_quality = 99\n").unwrap();
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), value.into());
        let sources = SettingsSources {
            variables: self.variables.iter().map(owned).collect(),
            folder: dir.path().to_owned(),
            home: Some(home),
        };
        let line = line.replace("DIR", dir.path().to_str().unwrap());
        let words = line.split(' ').map(Into::into).collect();
        parse_from(&PROGRAM, Args::command(), words, &sources)
    }

    #[track_caller]
    pub(super) fn args(&self, line: &str) -> Args {
        self.parsed(line)
            .unwrap_or_else(|error| panic!("{line}: {error}"))
            .args
    }

    #[track_caller]
    pub(super) fn refused(&self, line: &str) -> String {
        self.parsed(line).expect_err(line).to_string()
    }
}

pub(super) fn file(file: &'static str) -> TestSources {
    TestSources {
        file,
        ..TestSources::default()
    }
}

pub(super) fn variable(name: &'static str, value: &'static str) -> TestSources {
    TestSources {
        variables: vec![(name, value)],
        ..TestSources::default()
    }
}
