//! What the program does besides streaming, as the command line names it.

use std::path::PathBuf;

use clap::Subcommand;
use cli::{LinkArgs, Redacted, RoomArgs, Shell};

use crate::command_line::latency_args::LatencyArgs;
use crate::command_line::trust_args::TrustArgs;
use crate::command_line::values::frame_rate;
use crate::command_line::workers::{PairArgs, WorkersArgs};

/// What to do instead of streaming.
#[derive(Debug, Clone, Subcommand)]
pub enum Command {
    /// List the cameras of this machine, their formats and sizes.
    Cameras {
        /// As a JSON list.
        #[arg(long)]
        json: bool,
        /// With what can be set at each: its name, its limits, its default and its present value.
        #[arg(long)]
        controls: bool,
    },

    /// Check this machine, and whether a worker takes it.
    ///
    /// Where a worker is found, the client connects to it, proves the secret, and asks for a stream
    /// without frames.
    Doctor(Box<DoctorArgs>),

    /// Measure from light to frame and pose: a camera looks at a clock.
    ///
    /// A window shows a clock as a square of black and white cells. The camera has to see the whole square, sharp and a third
    /// of the frame's height or more. The frames show when their light left the screen. Where an option says which worker, the
    /// frames are streamed to it, and the time until their poses are back is measured, too.
    Latency(Box<LatencyArgs>),

    /// Store the link that a worker prints, for --worker NAME.
    Pair(PairArgs),

    /// List the stored workers, or remove some.
    Workers(WorkersArgs),

    /// Try a rules file without an animal.
    Rules {
        /// What to do.
        #[command(subcommand)]
        command: RulesCommand,
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
}

/// What to do with a rules file.
#[derive(Debug, Clone, Subcommand)]
pub enum RulesCommand {
    /// Check a rules file, and print the events that recorded poses result in. Nothing is switched.
    Check(RulesCheckArgs),
}

/// Options of `rules check`.
#[derive(Debug, Clone, clap::Args)]
pub struct RulesCheckArgs {
    /// The rules file.
    #[arg(value_name = "FILE.toml")]
    pub file: PathBuf,

    /// Poses that were recorded: a .slp or .jsonl file.
    #[arg(long, value_name = "POSES")]
    pub on: Option<PathBuf>,

    /// Frames per second of poses whose files do not say when frames were captured.
    #[arg(long, value_name = "FPS", value_parser = frame_rate, default_value = "30")]
    pub fps: f64,

    /// The names of the nodes in their order, where the file has none (.jsonl).
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',')]
    pub nodes: Vec<String>,

    /// Print the events as JSON, one object a line.
    #[arg(long)]
    pub json: bool,
}

/// Options of `doctor`.
#[derive(Debug, Clone, clap::Args)]
pub struct DoctorArgs {
    /// The link that the worker prints, or the name of a stored one, as for --worker.
    #[arg(value_name = "NAME|LINK", conflicts_with_all = ["signal", "worker_id", "secret", "secret_file", "insecure"])]
    pub pairing_link: Option<Redacted>,

    /// Address of the signaling server at which the worker is registered.
    #[arg(long, value_name = "URL", default_value = cli::DEFAULT_SIGNAL, value_parser = cli::websocket_url)]
    pub signal: String,

    /// The worker that has to be there, by its id or its name.
    #[arg(long, value_name = "ID")]
    pub worker_id: Option<String>,

    /// A camera that has to work, by its number or device file.
    #[arg(long, value_name = "N", value_parser = vision::capture::camera_number)]
    pub webcam: Option<u32>,

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
