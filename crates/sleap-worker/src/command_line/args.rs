//! The options of the worker.

use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::PathBuf;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser, Subcommand};
use cli::settings::{ChosenSettings, SettingsArgs, SettingsAware};
use cli::{EmitArgs, LinkArgs, LogArgs, LogFormat, Shell, TrackingArgs};
use pose::{Device, Refine};

use super::help;
use crate::device_args::DeviceArgs;
use crate::doctor::DoctorArgs;
use crate::drain::DrainArgs;
use crate::engine_args::EngineArgs;
use crate::files::{FileArgs, reader};
use crate::metrics::MetricsArgs;
use crate::room::WorkerRoomArgs;
use crate::rules_args::RulesArgs;
use crate::stream_args::{MAX_STREAMS, StreamArgs};
use crate::trust::TrustArgs;
use crate::view::ViewArgs;

/// Runs a SLEAP model on frames from sleap-stream and answers with poses.
///
/// Without a model it verifies: frames are received, checked and counted, nothing is stored.
#[derive(Debug, Parser)]
#[command(version = cli::program_info::VERSION, args_conflicts_with_subcommands = true)]
#[command(max_term_width = 80, after_help = help::SHORT, after_long_help = help::LONG)]
pub struct Args {
    /// What to do; to serve where it is missing.
    #[command(subcommand)]
    pub command: Option<Command>,

    /// Directory that `sleap-nn export` wrote.
    ///
    /// It has model.onnx and export_metadata.json.
    #[arg(long, value_name = "DIR", help_heading = "Model")]
    pub model: Option<PathBuf>,

    /// The device of the model.
    #[command(flatten, next_help_heading = "Model")]
    pub device: DeviceArgs,

    /// The inference server that runs the model in place of a device.
    #[command(flatten, next_help_heading = "Model")]
    pub engine: EngineArgs,

    /// Points with a lower confidence are missing (default: the export's own threshold).
    #[arg(long, value_name = "0..1", value_parser = fraction, help_heading = "Model")]
    pub peak_threshold: Option<f32>,

    /// Instances in a frame at most, the best ones (default: as many as the export holds).
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Model")]
    pub max_instances: Option<u16>,

    /// Bottom-up models: connections with a lower score are dropped.
    #[arg(long, value_name = "-1..1", default_value = "0.25", allow_negative_numbers = true, value_parser = line_score, help_heading = "Model")]
    pub min_line_scores: f32,

    /// Bottom-up models: instances with fewer points are dropped; up to 1 a share of the nodes.
    #[arg(long, value_name = "N", default_value = "0", value_parser = points, help_heading = "Model")]
    pub min_instance_peaks: f32,

    /// Move points between the cells of the confidence maps: parabola (if no METHOD is given) or
    /// integral.
    #[arg(long, value_name = "METHOD", num_args = 0..=1, default_missing_value = "parabola", conflicts_with = "engine", help_heading = "Model")]
    pub refine: Option<Refine>,

    /// Tracking.
    #[command(flatten)]
    pub tracking: TrackingArgs,

    /// Show the frames with skeletons in a window.
    ///
    /// Several streams are side by side: a click or its number makes one large, `Esc`, `g` or a right click ends that. The
    /// window closes on `q`.
    #[arg(long, help_heading = "View")]
    pub display: bool,

    /// The live view.
    #[command(flatten, next_help_heading = "View")]
    pub view: ViewArgs,

    /// Keep the poses of every stream in a folder.
    ///
    /// One .slp file a stream. The files are named by time (UTC) and stream; none is replaced. Frames are
    /// not stored.
    #[arg(long, value_name = "DIR", help_heading = "Files")]
    pub save_poses: Option<PathBuf>,

    /// Save every Nth frame as PNG, exactly as it was received.
    #[arg(long, value_name = "N", help_heading = "Files")]
    pub save_every: Option<NonZeroU64>,

    /// Folder for the frames that --save-every keeps.
    #[arg(
        long,
        value_name = "DIR",
        requires = "save_every",
        default_value = "sleap-worker-frames",
        help_heading = "Files"
    )]
    pub output: PathBuf,

    /// File transfer.
    #[command(flatten, next_help_heading = "Files")]
    pub files: FileArgs,

    /// Consumers of poses.
    #[command(flatten)]
    pub emit: EmitArgs,

    /// Rules that act on poses.
    #[command(flatten)]
    pub rules: RulesArgs,

    /// Address where clients connect.
    ///
    /// That of the worker's own signaling server: HOST:PORT, or a port or an address alone. Clients on other machines need one of this machine's
    /// addresses, or 0.0.0.0 for all of them.
    #[arg(
        long,
        value_name = "ADDR",
        default_value = "127.0.0.1:8080",
        value_parser = net::listen_address::<8080>,
        conflicts_with = "signal",
        help_heading = "Between machines"
    )]
    pub listen: SocketAddr,

    /// Meet clients at a signaling server that stands elsewhere, instead of at one's own.
    #[arg(long, value_name = "URL", value_parser = cli::websocket_url, help_heading = "Between machines")]
    pub signal: Option<String>,

    /// Authentication.
    #[command(flatten)]
    pub trust: TrustArgs,

    /// The connection to clients.
    #[command(flatten)]
    pub link: LinkArgs,

    /// The room.
    #[command(flatten)]
    pub room: WorkerRoomArgs,

    /// Streams that share the worker.
    #[command(flatten, next_help_heading = "Service")]
    pub streams: StreamArgs,

    /// The metrics.
    #[command(flatten, next_help_heading = "Service")]
    pub metrics: MetricsArgs,

    /// The end of the worker.
    #[command(flatten, next_help_heading = "Service")]
    pub drain: DrainArgs,

    /// Files of settings.
    #[command(flatten)]
    pub settings: SettingsArgs,

    /// Log more (-v: decisions, -vv: everything).
    #[arg(short, long, action = clap::ArgAction::Count, global = true, help_heading = "Messages")]
    pub verbose: u8,

    /// The log.
    #[command(flatten, next_help_heading = "Messages")]
    pub log: LogArgs,
}

/// Commands beside serving.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Check this machine, and how fast a model runs on it.
    Doctor(Box<DoctorArgs>),

    /// Be a signaling server alone, where workers and clients meet.
    Signal {
        /// Address to listen at, HOST:PORT.
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080", value_parser = net::listen_address::<8080>)]
        listen: SocketAddr,
    },

    /// Show the settings in effect and where each stands, as TOML.
    Config,

    /// Print what lets a shell complete this program's command lines.
    Completions {
        /// The shell.
        shell: Shell,
    },

    /// Print the manual page, for `man -l -`.
    Man,

    /// Read a video file for a worker, which starts this itself.
    #[command(name = reader::COMMAND, hide = true)]
    ReadVideo {
        /// For a gray model: frames without their colours.
        #[arg(long, hide = true)]
        gray: bool,
        /// The file.
        path: PathBuf,
    },
}

fn fraction(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(value) if (0.0..=1.0).contains(&value) => Ok(value),
        _ => Err(format!("'{text}' is not a number from 0 to 1")),
    }
}

fn line_score(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(value) if (-1.0..=1.0).contains(&value) => Ok(value),
        _ => Err(format!("'{text}' is not a number from -1 to 1")),
    }
}

fn points(text: &str) -> Result<f32, String> {
    match text.parse::<f32>() {
        Ok(value) if (0.0..=1000.0).contains(&value) => Ok(value),
        _ => Err(format!(
            "'{text}' is not a number of points, or a share of them from 0 to 1"
        )),
    }
}

impl Args {
    /// Checks options that exclude or need each other.
    ///
    /// # Errors
    /// `--fp16` without TensorRT; `--emit`, `--rules`, `--save-poses` or `--tracking` without a model; options of a tracker
    /// that do not go together; several streams for what is done for one.
    pub fn check(&self) -> Result<(), clap::Error> {
        let device = match &self.command {
            Some(Command::Doctor(doctor)) => &doctor.device,
            _ => &self.device,
        };
        if self.command.is_none() && self.model.is_none() {
            let needs_poses = [
                ("--emit", !self.emit.targets.is_empty()),
                ("--save-poses", self.save_poses.is_some()),
                ("--rules", self.rules.rules.is_some()),
                ("--tracking", self.tracking.tracking),
            ];
            if let Some((option, _)) = needs_poses.iter().find(|(_, is_given)| *is_given) {
                let message = format!("{option} needs --model: without one there are no poses");
                return Err(Self::command().error(ErrorKind::MissingRequiredArgument, message));
            }
        }
        if let Err(error) = self.tracking.options() {
            return Err(Self::command().error(ErrorKind::ArgumentConflict, error));
        }
        let are_tensorrt = |device: Device| matches!(device, Device::TensorRt(_));
        if device.fp16 && !device.device.iter().all(are_tensorrt) {
            let message = format!(
                "--fp16 needs --device tensorrt, and the device is {}",
                device.device
            );
            return Err(Self::command().error(ErrorKind::ArgumentConflict, message));
        }
        Ok(())
    }

    /// Sends the log to standard error. A report has no log between its lines, except with -v.
    pub fn init_logging(&self) {
        let serves = matches!(
            self.command,
            None | Some(Command::Signal { .. } | Command::ReadVideo { .. })
        );
        if serves || self.verbose > 0 {
            self.log.init(self.verbose, LogFormat::Text);
        }
    }

    /// How the model is run on each device.
    pub(crate) fn model_options(&self) -> Vec<pose::Options> {
        let on = |options| pose::Options {
            peak_threshold: self.peak_threshold,
            max_instances: self.max_instances.map(usize::from),
            min_line_scores: self.min_line_scores,
            min_instance_peaks: self.min_instance_peaks,
            refine: self.refine,
            ..options
        };
        self.device.options().into_iter().map(on).collect()
    }

    /// Streams that are served at a time.
    pub(crate) fn max_streams(&self) -> usize {
        let default = match self.serves_one_for() {
            Some(_) => 1,
            None => MAX_STREAMS,
        };
        self.streams.max_streams.unwrap_or(default).into()
    }

    /// The option for which one stream at a time is served unless --max-streams says otherwise: what it does is not done for
    /// several, or done under other names.
    pub(crate) fn serves_one_for(&self) -> Option<String> {
        if self.rules.rules.is_some() {
            return Some("--rules".into());
        }
        let mut targets = self.emit.targets.iter();
        let target = targets.find(|target| target.is_found_by_stream())?;
        Some(format!("--emit {target}"))
    }

    /// Frames of streams are kept, or poses in files that say what the frames are like.
    pub(crate) fn keeps_streams(&self) -> bool {
        self.save_every.is_some() || self.save_poses.is_some()
    }

    /// `verification_mode` of STREAM_ACK, in the Python worker's form.
    pub(crate) fn verification_mode(&self) -> String {
        match (self.display, self.save_every) {
            (false, None) => "stats_only".into(),
            (true, None) => "display".into(),
            (false, Some(n)) => format!("save_every_{n}"),
            (true, Some(n)) => format!("display+save_every_{n}"),
        }
    }
}

impl SettingsAware for Args {
    fn apply_settings(&mut self, settings: &ChosenSettings) {
        let secret = match &mut self.command {
            Some(Command::Doctor(doctor)) => &mut doctor.exposure.secret,
            _ => &mut self.trust.secret,
        };
        secret.origins = settings.origins();
    }
}

#[cfg(test)]
#[path = "args_tests.rs"]
mod tests;
