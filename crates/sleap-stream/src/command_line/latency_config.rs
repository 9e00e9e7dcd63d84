//! From the options of `latency` to what is measured.

use anyhow::Result;
use clap::Parser;
use vision::capture::WebcamConfig;

use crate::command_line::args::Args;
use crate::command_line::latency_args::LatencyArgs;
use crate::config::Config;
use crate::optical::{MeasuredFrames, OpticalConfig};

impl LatencyArgs {
    /// What is measured. An error here is a usage error.
    pub(super) fn config(self) -> Result<OpticalConfig> {
        let (page, duration, as_json) = (self.page, self.seconds, self.json);
        let names_worker = self.signal.is_some()
            || self.worker_id.is_some()
            || self.trust.worker.is_some()
            || self.room.id()?.is_some();
        let frames = match names_worker {
            true => MeasuredFrames::Streamed(Box::new(self.stream()?)),
            false => MeasuredFrames::Captured(WebcamConfig {
                index: self.webcam.unwrap_or_default(),
                size: self.webcam_size,
                format: self.webcam_args.camera_format,
                settings: self.webcam_args.camera_set,
                ..WebcamConfig::default()
            }),
        };
        Ok(OpticalConfig {
            frames,
            page,
            duration,
            as_json,
        })
    }

    /// A stream of the camera to the worker, as the same options without `latency` make it.
    fn stream(self) -> Result<Config> {
        let mut args = Args::try_parse_from(["sleap-stream", "--webcam", "0", "--quiet"])?;
        args.webcam = self.webcam.into_iter().collect();
        args.webcam_size = self.webcam_size;
        args.webcam_args = self.webcam_args;
        args.jpeg_quality = self.jpeg_quality;
        args.signal = self.signal.unwrap_or(args.signal);
        args.worker_id = self.worker_id;
        args.rendezvous.room = self.room;
        args.trust = self.trust;
        args.link = self.link;
        Config::try_from(args)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::command_line::Command;
    use vision::capture::Source;

    fn config(line: &str) -> OpticalConfig {
        let args = Args::try_parse_from(line.split(' ')).unwrap();
        match args.command {
            Some(Command::Latency(args)) => args.config().unwrap(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_worker_that_is_named_is_streamed_to() {
        let alone = config("sleap-stream latency --webcam 3 --webcam-size 640x480");
        let MeasuredFrames::Captured(webcam) = alone.frames else {
            panic!("{alone:?}");
        };
        assert_eq!((webcam.index, webcam.size), (3, Some((640, 480))));
        let with_worker = config(
            "sleap-stream latency --webcam 3 --signal ws://127.0.0.1:1 --insecure --jpeg-quality 80 --seconds 4",
        );
        assert_eq!(with_worker.duration, Duration::from_secs(4));
        let MeasuredFrames::Streamed(stream) = with_worker.frames else {
            panic!("{with_worker:?}");
        };
        assert!(matches!(&stream.capture.source, Source::Webcam(webcam) if webcam.index == 3));
        assert_eq!(stream.jpeg_quality(), Some(80));
    }
}
