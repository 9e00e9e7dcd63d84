//! Options of `latency`.

use std::net::SocketAddr;
use std::time::Duration;

use clap::ArgGroup;
use cli::{LinkArgs, RoomArgs};

use crate::command_line::trust_args::TrustArgs;
use crate::command_line::values::{JpegQuality, jpeg_quality, seconds, size};
use crate::command_line::webcam_args::WebcamArgs;

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
