//! What needs poses, and what happens at a worker that has no model.

use std::fmt;

use anyhow::{Result, bail};
use protocol::StreamAck;
use vision::capture::Source;

use crate::config::Config;

/// What of a run needs poses: options, as they were given, and a program that hands frames in.
#[derive(Debug, Clone, Default)]
pub(crate) struct Wants {
    all: Vec<String>,
    /// Not only options: there is no run without poses.
    is_program: bool,
}

impl Wants {
    pub(crate) fn of(config: &Config) -> Self {
        let outputs = config.outputs.iter();
        let outputs = outputs.map(|path| format!("-o {}", path.display()));
        let emit = config.emit.iter().map(|target| format!("--emit {target}"));
        let snapshot = config.snapshot.iter();
        let snapshot = snapshot.map(|path| format!("--snapshot {}", path.display()));
        let display = config.display.then(|| "--display".to_owned());
        let rules = config.rules.iter();
        let rules = rules.map(|loaded| format!("--rules {}", loaded.rules.file));
        let program = match &config.capture.source {
            Source::Pushed(name) => Some(name.clone()),
            _ => None,
        };
        let is_program = program.is_some();
        let all = outputs.chain(emit).chain(snapshot).chain(display);
        let all = all.chain(rules).chain(program).collect();
        Self { all, is_program }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Refuses a worker that reports that it has no model, where poses are needed. Where none are, logs
    /// what the worker does instead.
    pub(crate) fn check(&self, ack: &StreamAck, worker: &str) -> Result<()> {
        // A peer that does not use these extensions may predict all the same.
        let is_ours = ack.worker_version.is_some();
        match (&ack.model, is_ours) {
            (Some(_), _) => Ok(()),
            (None, true) if self.is_empty() => {
                tracing::info!(
                    "the worker has no model: it checks and counts the frames, no poses come back"
                );
                Ok(())
            }
            (None, true) => {
                let alone = match self.is_program {
                    true => "",
                    false => "; without these options the client tries the connection alone",
                };
                bail!(
                    "{worker} has no model, so no poses would come for {self}: start it with one \
                     (sleap-worker --model DIR){alone}"
                )
            }
            (None, false) => {
                if !self.is_empty() {
                    tracing::info!("the worker does not say whether it has a model");
                }
                Ok(())
            }
        }
    }
}

/// `-o rig.slp, --display`.
impl fmt::Display for Wants {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.all.join(", "))
    }
}

#[cfg(test)]
impl Wants {
    pub(crate) fn example(options: &[&str]) -> Self {
        let all = options.iter().map(|option| (*option).to_owned()).collect();
        Self {
            all,
            is_program: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::command_line::Args;

    fn wants(more: &str) -> Wants {
        let line = format!("sleap-stream --webcam 0 {more}");
        let args = Args::try_parse_from(line.split_whitespace()).unwrap();
        Wants::of(&Config::try_from(args).unwrap())
    }

    #[test]
    fn outputs_and_windows_want_poses_and_a_recording_does_not() {
        assert!(wants("--record a.mkv").is_empty());
        let all = "-o a.slp -o - --emit udp://127.0.0.1:9000 --snapshot a.png --display";
        assert_eq!(
            wants(all).to_string(),
            "-o a.slp, -o -, --emit udp://127.0.0.1:9000, --snapshot a.png, --display"
        );
    }

    #[test]
    fn only_a_worker_that_is_ours_and_names_no_model_is_refused() {
        let verifying = StreamAck {
            answers: true,
            worker_version: Some("1.0.0".into()),
            ..StreamAck::default()
        };
        let predicting = StreamAck {
            model: Some(Default::default()),
            ..verifying.clone()
        };
        let wants = Wants::example(&["-o a.slp"]);
        let error = wants.check(&verifying, "the worker at w").unwrap_err();
        for word in ["the worker at w", "-o a.slp", "sleap-worker --model DIR"] {
            assert!(error.to_string().contains(word), "{error}");
        }
        wants.check(&predicting, "w").unwrap();
        wants.check(&StreamAck::default(), "w").unwrap();
        Wants::default().check(&verifying, "w").unwrap();
    }
}
