//! Options of rules, and of poses that are true at the moment of their use.

use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use closed_loop::{
    EventsFile, ExistingEvents, LoadedRules, OriginColumns, check_events_name, check_poses, load,
};
use tracking::OneEuroOptions;

use crate::command_line::values::{milliseconds, milliseconds_or_none};
use crate::config::AheadTime;

/// What is done with poses as soon as they are there.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Closed loop")]
pub struct ClosedLoopArgs {
    /// Switch and send what the rules in this file say, on each pose.
    ///
    /// Zones, distances, speeds and more; serial ports, UDP, OSC, ZeroMQ. `sleap-stream rules check FILE` tries a file.
    #[arg(long, value_name = "FILE.toml")]
    pub rules: Option<PathBuf>,

    /// Let people with the send link of the worker's page draw zones, which are saved in the file.
    #[arg(long, requires = "rules")]
    pub rules_editable: bool,

    /// Write the events of the rules to this file (default: beside the first file of --output).
    #[arg(long, value_name = "FILE.csv", requires = "rules")]
    pub events: Option<PathBuf>,

    /// Give, beside each pose, where it will be so many milliseconds after its capture.
    ///
    /// `age`: when the pose is here, and --actuator-delay later.
    #[arg(long, value_name = "MS|age")]
    pub predict_ahead: Option<AheadChoice>,

    /// How long what acts on a pose takes to take effect (with --predict-ahead age).
    #[arg(long, value_name = "MS", value_parser = milliseconds_or_none, requires = "predict_ahead")]
    pub actuator_delay: Option<Duration>,

    /// Give, beside each pose, a smoothed one (One-Euro filter).
    #[arg(long)]
    pub smooth: bool,

    /// Cutoff of the smoothing at rest: lower is smoother and later (default 1.5).
    #[arg(long, value_name = "HZ", requires = "smooth")]
    pub smooth_min_cutoff: Option<f64>,

    /// By how much the cutoff rises with the speed, Hz for each pixel a second (default 0.05).
    #[arg(long, value_name = "N", requires = "smooth")]
    pub smooth_beta: Option<f64>,
}

/// How far poses are carried on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AheadChoice {
    /// By so much.
    Fixed(Duration),
    /// By the age of each pose.
    Age,
}

impl FromStr for AheadChoice {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        if text == "age" {
            return Ok(Self::Age);
        }
        let longest = Duration::from_secs_f64(tracking::MAX_AHEAD_S);
        match milliseconds(text) {
            Ok(time) if time <= longest => Ok(Self::Fixed(time)),
            _ => bail!("'{text}' is neither `age` nor a number of milliseconds from 1 to 1000"),
        }
    }
}

impl ClosedLoopArgs {
    /// How far poses are carried on; `None` where they are not.
    pub(super) fn ahead(&self) -> Result<Option<AheadTime>> {
        match (self.predict_ahead, self.actuator_delay) {
            (Some(AheadChoice::Fixed(_)), Some(_)) => bail!(
                "--actuator-delay goes with --predict-ahead age: a number of milliseconds contains it already"
            ),
            (Some(AheadChoice::Fixed(time)), None) => Ok(Some(AheadTime::Fixed(time))),
            (Some(AheadChoice::Age), delay) => Ok(Some(AheadTime::Age {
                delay: delay.unwrap_or_default(),
            })),
            (None, _) => Ok(None),
        }
    }

    /// How poses are smoothed; `None` where they are not.
    pub(super) fn smoothing(&self) -> Result<Option<OneEuroOptions>> {
        if !self.smooth {
            return Ok(None);
        }
        let usual = OneEuroOptions::default();
        let options = OneEuroOptions {
            min_cutoff: self.smooth_min_cutoff.unwrap_or(usual.min_cutoff),
            beta: self.smooth_beta.unwrap_or(usual.beta),
        };
        options.check()?;
        Ok(Some(options))
    }

    /// The rules, read and checked. `outputs`: the files of poses, beside which events are written.
    /// `overwrite`: a file of events is replaced.
    pub(super) fn loaded(
        &self,
        outputs: &[PathBuf],
        overwrite: bool,
    ) -> Result<Option<LoadedRules>> {
        let Some(path) = &self.rules else {
            return Ok(None);
        };
        if let Some(events) = &self.events {
            check_events_name(events)?;
        }
        let rules = load(path)?;
        check_poses(&rules, self.predict_ahead.is_some(), self.smooth)?;
        let beside = || outputs.iter().find_map(|output| beside(output));
        let existing = match overwrite {
            true => ExistingEvents::Replaced,
            false => ExistingEvents::Refused,
        };
        let path = self.events.clone().or_else(beside);
        Ok(Some(LoadedRules {
            rules,
            events: path.map(|path| EventsFile {
                path,
                existing,
                origin: OriginColumns::None,
            }),
            editable: self.rules_editable.then(|| self.rules.clone()).flatten(),
        }))
    }
}

/// `poses.events.csv` for `poses.slp`; `None` for standard output.
fn beside(output: &Path) -> Option<PathBuf> {
    (output.as_os_str() != "-").then(|| output.with_extension("events.csv"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        closed_loop: ClosedLoopArgs,
    }

    fn parse(line: &str) -> Result<ClosedLoopArgs, clap::Error> {
        let words = std::iter::once("program").chain(line.split_whitespace());
        Line::try_parse_from(words).map(|line| line.closed_loop)
    }

    #[test]
    fn poses_are_carried_on_by_a_time_or_by_their_age() {
        let ahead = |line: &str| parse(line).unwrap().ahead();
        assert_eq!(ahead("").unwrap(), None);
        let fixed = AheadTime::Fixed(Duration::from_millis(60));
        assert_eq!(ahead("--predict-ahead 60").unwrap(), Some(fixed));
        let age = AheadTime::Age {
            delay: Duration::from_millis(8),
        };
        assert_eq!(
            ahead("--predict-ahead age --actuator-delay 8").unwrap(),
            Some(age)
        );
        let error = ahead("--predict-ahead 60 --actuator-delay 8").unwrap_err();
        assert!(error.to_string().contains("contains it already"), "{error}");
        for line in [
            "--predict-ahead soon",
            "--predict-ahead 2000",
            "--actuator-delay 8",
            "--smooth-beta 1",
            "--events a.csv",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }

    #[test]
    fn smoothing_has_its_options() {
        let smoothing = |line: &str| parse(line).unwrap().smoothing();
        assert_eq!(smoothing("").unwrap(), None);
        let options = smoothing("--smooth --smooth-min-cutoff 3 --smooth-beta 0.5").unwrap();
        let expected = OneEuroOptions {
            min_cutoff: 3.0,
            beta: 0.5,
        };
        assert_eq!(options, Some(expected));
        assert!(smoothing("--smooth --smooth-min-cutoff 0").is_err());
    }

    #[test]
    fn events_are_written_beside_the_first_file() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.toml");
        std::fs::write(
            &path,
            "[rule.r]\nwhen = { present = true }\npose = 'ahead'\n",
        )
        .unwrap();
        let line = format!("--rules {}", path.display());
        let outputs = ["-", "a/poses.slp"].map(PathBuf::from);
        let error = parse(&line).unwrap().loaded(&outputs, false).unwrap_err();
        assert!(error.to_string().contains("--predict-ahead"), "{error}");
        let line = format!("{line} --predict-ahead age");
        let events = |line: &str, outputs| {
            parse(line)
                .unwrap()
                .loaded(outputs, false)
                .unwrap()
                .unwrap()
                .events
                .map(|events| events.path)
        };
        assert_eq!(events(&line, &outputs), Some("a/poses.events.csv".into()));
        assert_eq!(events(&line, &outputs[..1]), None);
        let named = format!("{line} --events e.csv");
        assert_eq!(events(&named, &outputs), Some("e.csv".into()));
        let other = format!("{line} --events e.txt");
        assert!(parse(&other).unwrap().loaded(&outputs, false).is_err());
    }

    #[test]
    fn a_file_with_an_error_is_refused_with_its_place() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.toml");
        let refused = |text: &str| {
            std::fs::write(&path, text).unwrap();
            let args = parse(&format!("--rules {}", path.display())).unwrap();
            format!("{:#}", args.loaded(&[], false).unwrap_err())
        };
        let error = refused(
            "[zone.corner]\ncircle = [1, 2, 3]\n[rule.r]\nwhen = { node = 'nose', in = 'croner' }\n",
        );
        assert!(
            error.contains("line 4, column 30") && error.contains("did you mean corner?"),
            "{error}"
        );
        let error = refused("[output.o]\nto = 'tcp://h:1'\n[rule.r]\nwhen = { present = true }\n");
        assert!(
            error.contains("line 1") && error.contains("udp://HOST:PORT"),
            "{error}"
        );
        let absent = parse("--rules /no/such/file.toml")
            .unwrap()
            .loaded(&[], false);
        assert!(format!("{:#}", absent.unwrap_err()).contains("/no/such/file.toml"));
    }
}
