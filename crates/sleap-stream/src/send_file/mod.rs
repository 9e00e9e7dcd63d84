//! `--send-file`: a video goes to the worker as a file, its predictions come back as one.
//!
//! ```text
//! file -> checksum -> upload (resumes) -> the worker's model -> download -> .slp
//! ```
//!
//! Each connection begins with the same question, whether the worker has the file: that is all that
//! going on after a lost connection takes (`run`).

mod download;
mod exchange;
mod progress;
mod run;
mod source;
mod talk;
mod tries;
mod upload_id;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, anyhow, bail};
use cli::{ExitStatus, Interrupt};
use link::PeerConfig;
use protocol::FileName;

use crate::args::{Args, Messages};
use crate::events::Events;
use crate::meeting::{self, Meeting};

/// Sending a file instead of streaming it.
#[derive(Debug, clap::Args)]
pub struct SendArgs {
    /// Video file to send as it is, for the worker to predict; its poses come back as a whole.
    ///
    /// They are saved as VIDEO.predictions.slp in this folder, or where --output says. An upload
    /// that was broken off goes on where it was.
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "Source",
        conflicts_with_all = [
            "frames", "sample_rate", "max_frames", "fps", "live", "every_frame", "resize",
            "jpeg_quality", "max_latency", "batch_size", "snapshot", "record", "display", "targets",
            "lanes"
        ]
    )]
    pub send_file: Option<PathBuf>,
}

/// What a run that sends a file is to do.
#[derive(Debug)]
pub struct SendConfig {
    file: PathBuf,
    /// As the worker hears it.
    name: FileName,
    output: PathBuf,
    overwrite: bool,
    meeting: Arc<Meeting>,
    peer: PeerConfig,
    wait: bool,
    ack_timeout: Duration,
    reconnect_timeout: Duration,
    messages: Messages,
}

impl TryFrom<Args> for SendConfig {
    type Error = anyhow::Error;

    /// Checks what the options mean together. An error here is a usage error.
    fn try_from(args: Args) -> Result<Self> {
        let messages = args.messages();
        let Some(file) = args.sending.send_file.clone() else {
            bail!("give --send-file FILE");
        };
        let name = name(&file)?;
        let output = match args.output.as_slice() {
            [] => PathBuf::from(format!("{name}.predictions.slp")),
            [output] => output.clone(),
            _ => bail!("--send-file brings one file of predictions: give --output once"),
        };
        if labels::LabelsFormat::of(&output) != Some(labels::LabelsFormat::Slp) {
            bail!(
                "--output {}: predictions of --send-file come as .slp",
                output.display()
            );
        }
        let (meeting, peer) = meeting::resolve(&args)?;
        Ok(Self {
            file,
            name,
            output,
            overwrite: args.overwrite,
            meeting,
            peer,
            wait: args.wait,
            ack_timeout: args.ack_timeout,
            reconnect_timeout: args.reconnect_timeout,
            messages,
        })
    }
}

/// The last part of a path, with what a peer would refuse in it replaced.
fn name(path: &Path) -> Result<FileName> {
    let none = || anyhow!("--send-file {}: that is no file", path.display());
    let name = path.file_name().ok_or_else(none)?.to_string_lossy();
    let plain = name.replace(
        |c: char| matches!(c, '/' | '\\' | ':') || c.is_control(),
        "_",
    );
    Ok(FileName::new(plain.replace("..", "_."))?)
}

/// Sends the file, waits for its predictions and saves them.
pub fn send(config: SendConfig) -> Result<ExitStatus> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let events = Events::of(config.messages);
    let outcome = runtime.block_on(async { run::run(config, Interrupt::listen()).await });
    runtime.shutdown_background();
    if let (Err(error), Some(events)) = (&outcome, events) {
        events.error(&format!("{error:#}"));
    }
    outcome
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn config(line: &str) -> Result<SendConfig> {
        SendConfig::try_from(Args::try_parse_from(line.split(' '))?)
    }

    #[test]
    fn predictions_are_named_after_the_video_unless_a_name_is_given() {
        let output = |line: &str| config(line).unwrap().output;
        let usual = output("sleap-stream --send-file /data/day1.mp4");
        assert_eq!(usual, Path::new("day1.mp4.predictions.slp"));
        let named = output("sleap-stream --send-file day1.mp4 -o poses.slp");
        assert_eq!(named, Path::new("poses.slp"));
    }

    #[test]
    fn what_is_of_streams_only_is_refused() {
        for more in [
            "--stream a.mp4",
            "--webcam 0",
            "--fps 5",
            "--jpeg-quality 80",
            "--display",
            "--lanes 4",
            "--emit udp://127.0.0.1:9",
            "--snapshot a.png",
            "-o a.csv",
            "-o -",
            "-o a.slp -o b.slp",
        ] {
            let line = format!("sleap-stream --send-file day1.mp4 {more}");
            assert!(config(&line).is_err(), "{line}");
        }
        assert!(config("sleap-stream --send-file ..").is_err());
    }

    #[test]
    fn names_that_no_peer_takes_are_changed() {
        let name = |path: &str| name(Path::new(path)).unwrap().to_string();
        assert_eq!(name("/a/day 1:2.mp4"), "day 1_2.mp4");
        assert_eq!(name("a..b.mp4"), "a_.b.mp4");
    }
}
