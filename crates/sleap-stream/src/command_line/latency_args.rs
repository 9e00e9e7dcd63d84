//! Options of `latency`.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::Result;
use clap::{ArgGroup, Parser};
use cli::{LinkArgs, RoomArgs};
use vision::capture::WebcamConfig;

use crate::command_line::args::Args;
use crate::command_line::trust_args::TrustArgs;
use crate::command_line::values::{JpegQuality, jpeg_quality, seconds, size};
use crate::command_line::webcam_args::WebcamArgs;
use crate::config::Config;
use crate::optical::{MeasuredFrames, OpticalConfig};

/// Options of `latency`.
#[derive(Debug, Clone, clap::Args)]
#[command(group = ArgGroup::new("any_camera").args(["webcam"]))]
pub struct LatencyArgs {
    /// The camera that looks at the screen, by its number or device file.
    #[arg(long, value_name = "N", value_parser = vision::capture::camera_number, required = true)]
    pub webcam: Option<u32>,

    /// Size to ask the camera for (it may choose another).
    #[arg(long, value_name = "WxH", value_parser = size)]
    pub webcam_size: Option<(u32, u32)>,

    /// The camera's own settings.
    #[command(flatten)]
    pub webcam_args: WebcamArgs,

    /// Send JPEG of this quality to the worker (default: raw pixels).
    #[arg(long, value_name = "QUALITY", value_parser = jpeg_quality)]
    pub jpeg_quality: Option<JpegQuality>,

    /// Show the clock in a browser on another screen, instead of a window here.
    ///
    /// The page is served at this address and port; by default on all addresses of this machine, at a free port.
    #[arg(
        long,
        value_name = "IP:PORT",
        num_args = 0..=1,
        default_missing_value = "0.0.0.0:0"
    )]
    pub page: Option<SocketAddr>,

    /// How long to measure.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    pub seconds: Duration,

    /// As a JSON object.
    #[arg(long)]
    pub json: bool,

    /// Address of the signaling server at which the worker is registered.
    #[arg(long, value_name = "URL", value_parser = cli::websocket_url)]
    pub signal: Option<String>,

    /// The worker to connect to, by its id or its name.
    #[arg(long, value_name = "ID")]
    pub worker_id: Option<String>,

    /// The room.
    #[command(flatten)]
    pub room: RoomArgs,

    /// Authentication.
    #[command(flatten)]
    pub trust: TrustArgs,

    /// The connection itself.
    #[command(flatten)]
    pub link: LinkArgs,
}

impl LatencyArgs {
    /// What is measured. An error here is a usage error.
    pub(crate) fn config(self) -> Result<OpticalConfig> {
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
        args.webcam = self.webcam;
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
