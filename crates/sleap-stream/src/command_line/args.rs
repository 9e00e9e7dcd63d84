//! The options of the program.

use std::num::{NonZeroU32, NonZeroU64};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{ArgGroup, CommandFactory, Parser, ValueHint};
use cli::settings::{ChosenSettings, SettingsArgs, SettingsAware};
use cli::{EmitArgs, LinkArgs, LogArgs, TrackingArgs};
use metrics_server::MetricsAddress;
use vision::capture::FrameSelection;
use vision::synthetic;

use crate::command_line::camera_args::CameraArgs;
use crate::command_line::closed_loop_args::ClosedLoopArgs;
use crate::command_line::help;
use crate::command_line::rendezvous_args::RendezvousArgs;
use crate::command_line::several_cameras_args::SeveralCamerasArgs;
use crate::command_line::source_args::SourceArgs;
use crate::command_line::subcommand::Command;
use crate::command_line::trust_args::TrustArgs;
use crate::command_line::values::{
    JpegQuality, frame_rate, jpeg_quality, milliseconds, seconds, seconds_or_none, size,
};
use crate::command_line::webcam_args::WebcamArgs;
use crate::command_line::worker_link;
use crate::connect::lanes::LaneCount;
use crate::report::mode::ReportMode;

/// Streams a camera or a video to a sleap-worker over WebRTC and receives poses.
#[derive(Debug, Parser)]
#[command(version = cli::program_info::VERSION, args_conflicts_with_subcommands = true)]
#[command(max_term_width = 80, after_help = help::SHORT, after_long_help = help::LONG)]
#[command(group = ArgGroup::new("any_camera").args(["webcam", "camera"]).multiple(true))]
pub struct Args {
    /// What to do instead of streaming.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Video file, URL or images to stream.
    ///
    /// The same as --stream. Several images are one sequence.
    #[arg(
        value_name = "VIDEO",
        value_hint = ValueHint::FilePath,
        display_order = 0,
        conflicts_with_all = ["webcam", "camera", "test_pattern", "send_file"],
        help_heading = "Input"
    )]
    pub words: Vec<String>,

    /// Video file, URL or images to stream: every frame once, in order.
    ///
    /// `-` is standard input. Images are numbered (frame_%04d.png) or match a pattern ('img/*.png'); they come in the order of the
    /// numbers in their names. May be repeated: recordings of cameras that ran together, whose frames of the same number
    /// belong together.
    #[arg(
        long,
        value_name = "FILE",
        value_hint = ValueHint::FilePath,
        conflicts_with_all = ["webcam", "camera", "test_pattern", "send_file"],
        help_heading = "Input"
    )]
    pub stream: Vec<String>,

    /// Reading it.
    #[command(flatten)]
    pub reading: SourceArgs,

    /// Camera to stream, by its number.
    ///
    /// Or by its device file: /dev/video0, /dev/v4l/by-id/... The newest frame wins. May be repeated, also beside --camera:
    /// the frames of all cameras are grouped by the time of their capture.
    #[arg(
        long,
        value_name = "N",
        value_parser = vision::capture::camera_number,
        conflicts_with_all = ["test_pattern", "send_file"],
        help_heading = "Input"
    )]
    pub webcam: Vec<u32>,

    /// Cameras with a GenICam description.
    #[command(flatten)]
    pub camera: CameraArgs,

    /// A synthetic animal instead of a camera.
    ///
    /// Its size and rate are those of WxH@FPS. May be repeated, and WxH@FPS+MS is then a camera with a clock that all have
    /// in common: it captures so many ms after whole intervals.
    #[arg(
        long,
        value_name = "WxH@FPS",
        num_args = 0..=1,
        default_missing_value = "",
        conflicts_with_all = ["send_file"],
        help_heading = "Input"
    )]
    pub test_pattern: Vec<synthetic::Config>,

    /// Several cameras at a time.
    #[command(flatten)]
    pub several: SeveralCamerasArgs,

    /// Sending a file instead.
    #[command(flatten)]
    pub sending: SendArgs,

    /// Size to ask the camera for (it may choose another).
    #[arg(long, value_name = "WxH", value_parser = size, requires = "webcam", help_heading = "Input")]
    pub webcam_size: Option<(u32, u32)>,

    /// The camera's own settings.
    #[command(flatten)]
    pub webcam_args: WebcamArgs,

    /// Frames of the file to stream, counted from 0: 0-100,200-300.
    #[arg(
        long,
        value_name = "RANGES",
        conflicts_with_all = ["webcam", "camera"],
        help_heading = "Input"
    )]
    pub frames: Option<FrameSelection>,

    /// Stream every Nth frame only.
    #[arg(long, value_name = "N", default_value = "1", help_heading = "Input")]
    pub sample_rate: NonZeroU32,

    /// Stop when that many frames were sent.
    #[arg(long, value_name = "N", help_heading = "Input")]
    pub max_frames: Option<NonZeroU64>,

    /// Frames per second at most (default: a file as fast as it goes, a camera's own rate).
    #[arg(long, value_name = "FPS", value_parser = frame_rate, help_heading = "Input")]
    pub fps: Option<f64>,

    /// Let the newest frame win, also of a file, which then runs at its own rate.
    #[arg(long, conflicts_with = "every_frame", help_heading = "Input")]
    pub live: bool,

    /// Send every frame that the source delivers, also of a camera, however old frames become.
    #[arg(long, alias = "no-live", help_heading = "Input")]
    pub every_frame: bool,

    /// Resize frames before sending; poses are given in pixels of the source all the same.
    #[arg(long, value_name = "WxH", value_parser = size, help_heading = "Encoding")]
    pub resize: Option<(u32, u32)>,

    /// Send JPEG of this quality, 1 to 100.
    ///
    /// 80 is a good choice; without this option raw pixels are sent, with all bits of sources that have 10, 12 or 16 a sample. `camera` sends a webcam's own JPEGs, neither decoded nor compressed again.
    #[arg(long, value_name = "QUALITY", value_parser = jpeg_quality, help_heading = "Encoding")]
    pub jpeg_quality: Option<JpegQuality>,

    /// Keep poses of a live stream younger than this.
    ///
    /// For that JPEG quality, then size, then rate are lowered as far as the link demands, and raised again.
    #[arg(long, value_name = "MS", value_parser = milliseconds, help_heading = "Encoding")]
    pub max_latency: Option<Duration>,

    /// Send frames in batches of N, which the worker runs in one call of its model.
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=256), help_heading = "Encoding")]
    pub batch_size: u32,

    /// Write poses to a .slp, .csv or .jsonl file.
    ///
    /// As they come: .slp for SLEAP, .csv with sleap-io's columns, .jsonl with one JSON object a line. `-` is
    /// JSON lines on standard output. May be repeated.
    #[arg(short, long, value_name = "FILE", help_heading = "Output")]
    pub output: Vec<PathBuf>,

    /// Recording.
    #[command(flatten)]
    pub recording: RecordArgs,

    /// Write the last frame with its poses drawn on it to this PNG file.
    #[arg(long, value_name = "FILE.png", help_heading = "Output")]
    pub snapshot: Option<PathBuf>,

    /// Replace output files that exist.
    #[arg(long, help_heading = "Output")]
    pub overwrite: bool,

    /// Show the stream with its poses.
    ///
    /// Several cameras are side by side: a click or its number makes one large, `Esc`, `g` or a right click ends that. The
    /// window closes on `q`.
    #[arg(long, help_heading = "Output")]
    pub display: bool,

    /// Poses for other programs.
    #[command(flatten)]
    pub emit: EmitArgs,

    /// Which animal is which.
    #[command(flatten)]
    pub tracking: TrackingArgs,

    /// Acting on poses.
    #[command(flatten)]
    pub closed_loop: ClosedLoopArgs,

    /// Address of the signaling server at which the worker is registered.
    #[arg(long, value_name = "URL", default_value = cli::DEFAULT_SIGNAL, value_parser = cli::websocket_url, help_heading = "Between machines")]
    pub signal: String,

    /// The worker to connect to, by its id or its name (default: the one with the most room, in a
    /// room the only one).
    #[arg(long, value_name = "ID", help_heading = "Between machines")]
    pub worker_id: Option<String>,

    /// Of several workers take one that runs the model of this name.
    ///
    /// The one with the most room is taken. When it is full, ends or is lost, another one with this model takes its place.
    #[arg(long, value_name = "NAME", help_heading = "Between machines")]
    pub model_name: Option<String>,

    /// Seconds to wait until the worker reports that it is ready.
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds, help_heading = "Between machines")]
    pub ack_timeout: Duration,

    /// Wait for a worker that is not there yet, or that serves another client.
    #[arg(long, help_heading = "Between machines")]
    pub wait: bool,

    /// Seconds to look for the worker when the connection is lost, or to wait for one that returns
    /// no results; 0 gives up at once.
    ///
    /// A file goes on where it was: each frame gets its prediction once. A live source goes on with
    /// its newest frame. A worker has ten seconds at least for each result. An address that is
    /// streamed is looked for as long when it breaks off or sends nothing for ten seconds.
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds_or_none, help_heading = "Between machines")]
    pub reconnect_timeout: Duration,

    /// Connections with the worker that share the frames: 1 to 16, coded, or auto.
    ///
    /// With several a lost packet slows down one of them only. Coded ones wait for nothing that is lost: live frames go
    /// over them with as much parity as the losses ask for, and those that do not arrive whole are left out;
    /// with --every-frame what is missing of them is asked for, for three seconds.
    /// Default: coded for live JPEG, where the round trip takes 5 ms or more and no relay is on the way, or where
    /// lost packets hold frames up; else 1. Auto is the same, with 8 for other frames on such a way.
    #[arg(long, value_name = "coded|N|auto", help_heading = "Between machines")]
    pub lanes: Option<LaneCount>,

    /// Finding the worker in a room.
    #[command(flatten)]
    pub rendezvous: RendezvousArgs,

    /// Authentication.
    #[command(flatten)]
    pub trust: TrustArgs,

    /// The connection itself.
    #[command(flatten)]
    pub link: LinkArgs,

    /// Settings files.
    #[command(flatten)]
    pub settings: SettingsArgs,

    /// Serve metrics for Prometheus, and health checks.
    ///
    /// At http://ADDR/metrics, /healthz and /readyz. ADDR is HOST:PORT, or a port or an address alone; if none is
    /// given, 127.0.0.1:9480 or the next free port. Plain HTTP, for all who reach the address: counts, times and
    /// the name of the source, but nothing of what frames show.
    #[arg(
        long,
        value_name = "ADDR",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = MetricsAddress::DEFAULT,
        value_parser = MetricsAddress::parse::<9480>,
        help_heading = "Messages"
    )]
    pub metrics: Option<MetricsAddress>,

    /// No progress and no summary.
    #[arg(short, long, help_heading = "Messages")]
    pub quiet: bool,

    /// Progress, events and the summary as JSON, one object a line.
    ///
    /// On standard output; where that is taken by `--output -`, on standard error, and the log is
    /// JSON there too.
    #[arg(long, conflicts_with = "quiet", help_heading = "Messages")]
    pub json: bool,

    /// Log more (-v: decisions, -vv: everything).
    #[arg(short, long, action = clap::ArgAction::Count, global = true, help_heading = "Messages")]
    pub verbose: u8,

    /// The log.
    #[command(flatten, next_help_heading = "Messages")]
    pub log: LogArgs,
}

/// Options of recording.
#[derive(Debug, clap::Args)]
pub struct RecordArgs {
    /// Keep the frames that are sent, of a live source, in a video: .avi, .mkv or .mp4.
    ///
    /// An .slp file that is written beside it refers to this video.
    #[arg(long, value_name = "VIDEO", help_heading = "Output")]
    pub record: Option<PathBuf>,
}

/// Options of sending a file instead of streaming it.
#[derive(Debug, clap::Args)]
pub struct SendArgs {
    /// Send the video itself; get a file of poses.
    ///
    /// The worker predicts it as it is. The poses are saved as VIDEO.predictions.slp in this folder, or where --output says. An upload
    /// that was interrupted goes on where it was.
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "Input",
        conflicts_with_all = [
            "frames", "sample_rate", "max_frames", "fps", "live", "every_frame", "resize",
            "jpeg_quality", "max_latency", "batch_size", "snapshot", "record", "display", "targets",
            "lanes", "rules", "predict_ahead", "smooth", "metrics"
        ]
    )]
    pub send_file: Option<PathBuf>,
}

impl Args {
    /// What `--stream` and the words without an option name.
    pub(crate) fn stream_words(&self) -> Vec<&str> {
        let words = self.stream.iter().chain(&self.words);
        words.map(String::as_str).collect()
    }

    /// Checks that the only word is no command with a typing error.
    ///
    /// # Errors
    /// It is no file and is called much like a command.
    pub fn check(&self) -> Result<(), clap::Error> {
        let [word] = self.words.as_slice() else {
            return Ok(());
        };
        if word.contains(['.', '/', '\\', '*', ':']) || Path::new(word).exists() {
            return Ok(());
        }
        let command = Self::command();
        let shown = command.get_subcommands().filter(|it| !it.is_hide_set());
        let Some(name) = cli::nearest(word, shown.map(|it| it.get_name().to_owned())) else {
            return Ok(());
        };
        let mut error = clap::Error::new(ErrorKind::InvalidSubcommand).with_cmd(&command);
        error.insert(
            ContextKind::InvalidSubcommand,
            ContextValue::String(word.clone()),
        );
        error.insert(
            ContextKind::SuggestedSubcommand,
            ContextValue::Strings(vec![name]),
        );
        Err(error)
    }

    /// What is reported, and where.
    pub(crate) fn report_mode(&self) -> ReportMode {
        let output_is_taken = self.output.iter().any(|output| output.as_os_str() == "-");
        match (self.quiet, self.json) {
            (true, _) => ReportMode::None,
            (_, false) => ReportMode::ForPeople,
            (_, true) if output_is_taken => ReportMode::JsonAside,
            (_, true) => ReportMode::Json,
        }
    }

    /// Sends the log to standard error, save for reports, between whose lines it would stand.
    pub fn init_logging(&self) {
        let format = match self.report_mode() {
            ReportMode::JsonAside => cli::LogFormat::Json,
            _ => cli::LogFormat::Text,
        };
        if self.command.is_none() || self.verbose > 0 {
            self.log.init(self.verbose, format);
        }
    }
}

impl SettingsAware for Args {
    fn apply_settings(&mut self, settings: &ChosenSettings) {
        let trust = match &mut self.command {
            Some(Command::Doctor(doctor)) => &mut doctor.trust,
            _ => &mut self.trust,
        };
        trust.secret.origins = settings.origins();
        trust.uses_stored_worker = !settings.uses_no_file() && !worker_link::is_said(settings);
    }
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
