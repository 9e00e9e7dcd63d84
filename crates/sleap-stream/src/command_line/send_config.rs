//! From the options to what a run that sends a file is to do.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow, bail};
use protocol::FileName;

use crate::command_line::args::Args;
use crate::connect::ConnectConfig;
use crate::send_file::SendConfig;

impl TryFrom<Args> for SendConfig {
    type Error = anyhow::Error;

    /// Checks what the options mean together. An error here is a usage error.
    fn try_from(args: Args) -> Result<Self> {
        let report_mode = args.report_mode();
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
        if args.tracking.tracking {
            bail!(
                "--tracking: the worker writes the predictions of a file that is sent; start it with \
                 --tracking, or give --stream {} instead of --send-file",
                file.display()
            );
        }
        let connect = ConnectConfig::try_from(&args)?;
        Ok(Self {
            file,
            name,
            output,
            overwrite: args.overwrite,
            connect,
            report_mode,
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
