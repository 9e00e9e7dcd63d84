//! Options that a program gives by their names, for frames that it hands in itself.

use clap::{Arg, CommandFactory};
use cli::settings::{ChosenSettings, ProgramSettings, SettingsSources};
use cli::{Keyword, KeywordError, KeywordOptions};

use crate::command_line::args::Args;
use crate::command_line::settings::SETTINGS;
use crate::config::Config;

/// The heading of the options that choose a source.
const SOURCE_HEADING: &str = "Input";

/// The only one of them that frames of a program have, too.
const RATE: &str = "fps";

/// Options of a program in a terminal.
const TERMINAL: [&str; 6] = ["display", "help", "json", "log-format", "quiet", "version"];

/// What a stream of a program's own frames is to do.
#[derive(Debug)]
pub struct PushedConfig {
    pub(crate) config: Config,
}

/// As on the command line, save for the settings of a source, which are dropped.
const PUSHED_SETTINGS: ProgramSettings = ProgramSettings {
    give_way: drop_sources,
    ..SETTINGS
};

impl PushedConfig {
    /// Reads options as the command line reads them, with the user's settings files and environment.
    /// `name`: what the frames are called. `every_frame`: all of them are sent; otherwise newer ones replace those
    /// that wait.
    ///
    /// # Errors
    /// An option is not known or has no usable value, or options contradict each other.
    pub fn new(name: &str, every_frame: bool, options: &[Keyword]) -> Result<Self, KeywordError> {
        Self::from(name, every_frame, options, &SettingsSources::of_process())
    }

    fn from(
        name: &str,
        every_frame: bool,
        options: &[Keyword],
        sources: &SettingsSources,
    ) -> Result<Self, KeywordError> {
        let command = Args::command();
        let here = KeywordOptions {
            command: &command,
            is_here,
            why_not: "the program hands the frames in itself",
        };
        let mut line = vec!["sleap-stream".into(), "--quiet".into()];
        for option in options {
            let words = here.words(option)?;
            line.extend(words.into_iter().map(Into::into));
        }
        if every_frame {
            line.push("--every-frame".into());
        }
        let parsed = cli::settings::parse_from::<Args>(&PUSHED_SETTINGS, command, line, sources)
            .map_err(|error| KeywordError::Values(cli::usage_message(error)))?;
        parsed.settings.log(&PUSHED_SETTINGS);
        let config = Config::of_pushed(parsed.args, name.to_owned());
        Ok(Self {
            config: config.map_err(KeywordError::Contradiction)?,
        })
    }
}

/// Whether it is an option of a stream of a program's own frames.
fn is_here(arg: &Arg) -> bool {
    let Some(long) = arg.get_long() else {
        return false;
    };
    let is_source = arg.get_help_heading() == Some(SOURCE_HEADING) && long != RATE;
    !is_source && !TERMINAL.contains(&long)
}

/// Drops what files and variables say of a source, and of what a terminal shows.
fn drop_sources(settings: &mut ChosenSettings) {
    let command = Args::command();
    let others = command.get_arguments().filter(|arg| !is_here(arg));
    for name in others.filter_map(Arg::get_long) {
        settings.drop_weak(&name.replace('-', "_"));
    }
    (SETTINGS.give_way)(settings);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cli::KeywordValue;

    use super::*;
    use crate::config::PixelEncoding;
    use crate::report::mode::ReportMode;

    /// With these settings files' text in the user's home.
    fn with_file(options: &[Keyword], file: &str) -> Result<Config, KeywordError> {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join(".sleap-rtc");
        std::fs::create_dir(&folder).unwrap();
        std::fs::write(folder.join("config.toml"), file).unwrap();
        let sources = SettingsSources {
            folder: home.path().to_owned(),
            home: Some(home.path().to_owned()),
            ..SettingsSources::default()
        };
        PushedConfig::from("test", false, options, &sources).map(|it| it.config)
    }

    fn config(options: &[Keyword]) -> Result<Config, KeywordError> {
        with_file(options, "")
    }

    #[track_caller]
    fn refused(option: Keyword, words: &[&str]) {
        let error = config(&[option]).unwrap_err().to_string();
        for word in words {
            assert!(error.contains(word), "no {word:?} in: {error}");
        }
    }

    #[test]
    fn options_mean_what_they_mean_on_the_command_line() {
        let outputs = Keyword {
            name: "outputs".to_owned(),
            value: KeywordValue::Texts(vec!["a.slp".to_owned(), "b.csv".to_owned()]),
        };
        let options = [
            Keyword::text("jpeg_quality", "70"),
            Keyword::text("max-latency", "150"),
            Keyword::switch("overwrite", true),
            Keyword::switch("tracking", true),
            Keyword::switch("refused", false),
            outputs,
        ];
        assert!(config(&options).is_err());
        let options: Vec<Keyword> = options
            .into_iter()
            .filter(|it| it.name != "refused")
            .collect();
        let config = config(&options).unwrap();
        assert_eq!(config.encoding, PixelEncoding::Jpeg(70));
        assert_eq!(config.max_latency, Some(Duration::from_millis(150)));
        assert_eq!(config.outputs.len(), 2);
        assert!(config.overwrite && config.tracking.is_some());
        assert_eq!(config.report_mode, ReportMode::None);
    }

    #[test]
    fn names_with_typing_errors_and_options_of_sources_are_refused() {
        refused(
            Keyword::text("jpeg_qualty", "70"),
            &["jpeg_qualty", "jpeg_quality may be meant"],
        );
        for name in [
            "webcam",
            "stream",
            "max_frames",
            "display",
            "json",
            "every_frame",
        ] {
            refused(
                Keyword::text(name, "1"),
                &[name, "hands the frames in itself"],
            );
        }
        refused(
            Keyword::text("jpeg_quality", "101"),
            &["101", "--jpeg-quality"],
        );
        refused(
            Keyword::switch("jpeg_quality", true),
            &["jpeg_quality needs a value"],
        );
        refused(
            Keyword::text("overwrite", "yes"),
            &["overwrite", "give true or false"],
        );
        refused(Keyword::text("output", "poses.txt"), &["poses.txt"]);
    }

    #[test]
    fn messages_have_no_hints_for_a_terminal() {
        let error = config(&[Keyword::text("resize", "big")])
            .unwrap_err()
            .to_string();
        assert!(
            !error.contains("--help") && !error.contains("Usage"),
            "{error}"
        );
        assert!(
            !error.starts_with("error") && !error.ends_with('\n'),
            "{error}"
        );
    }

    #[test]
    fn files_give_options_save_those_of_a_source() {
        let file =
            "[sleap-stream]\nwebcam = 0\nwebcam_size = '640x480'\njpeg_quality = 60\njson = true\n";
        let config = with_file(&[], file).unwrap();
        assert_eq!(config.encoding, PixelEncoding::Jpeg(60));
        assert_eq!(config.report_mode, ReportMode::None);
    }
}
