//! The worker: receives frames over WebRTC, runs a model on them and returns poses.
//!
//! ```text
//! data channel -> reassembler -> decode threads -> batcher, model -> post-processing -> data channel
//!                 (session)      (pipeline)                          |                (session)
//!                                                                    +-> sinks: window, view, files, consumers, rules
//! ```
//!
//! Every arrow is a bounded queue that blocks its writer, back to the client's send window.

#![warn(clippy::print_stdout, clippy::print_stderr)]
#![warn(missing_docs)]

mod admission;
mod command_line;
mod device_args;
mod doctor;
mod drain;
mod embedded;
mod engine_args;
mod files;
mod frame_decoder;
mod machine;
mod metrics;
mod pipeline;
mod provenance;
mod replies;
mod room;
mod rules_args;
mod serve;
mod service_manager;
mod session;
mod sinks;
mod status_line;
mod stream_args;
mod streams;
mod trust;
mod view;
mod worker_name;

use anyhow::{Context, Result};
use clap::CommandFactory;
use cli::settings::ChosenSettings;
use cli::{ExitStatus, Interrupt};
use tokio::runtime::Runtime;
use tracing::{info, warn};
use vision::frame_window::{self, WindowEnd};

use serve::Announcer;

pub use command_line::{Args, Command, SETTINGS, command, print_version};
pub use device_args::DeviceArgs;
pub use doctor::{DoctorArgs, ExposureArgs};
pub use drain::DrainArgs;
pub use embedded::{EmbeddedModel, EmbeddedWorker, WorkerOutcome, load_model};
pub use engine_args::EngineArgs;
pub use files::FileArgs;
pub use metrics::MetricsArgs;
pub use rules_args::RulesArgs;
pub use serve::WorkerAddress;
pub use stream_args::StreamArgs;
pub use trust::TrustArgs;
pub use view::{ViewArgs, ViewLinks};

/// Runs the worker until it is interrupted.
///
/// Must be called on the process's main thread: some systems allow windows only there.
pub fn main(args: Args, settings: &ChosenSettings) -> Result<ExitStatus> {
    if let Some(text) = print(&args, settings) {
        return text.map(|()| ExitStatus::Done);
    }
    if let Some(Command::ReadVideo { path, gray }) = &args.command {
        return files::reader::read(path, *gray);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let outcome = match args.command {
        Some(Command::Signal { listen }) => {
            runtime.block_on(async { serve::signal(listen, Interrupt::listen()).await })
        }
        Some(Command::Doctor(doctor)) => Ok(doctor::run(&doctor, args.verbose > 0)),
        Some(_) => Ok(ExitStatus::Done),
        None if args.display => with_window(&runtime, args),
        None => runtime.block_on(async {
            let interrupt = Interrupt::listen_for_drain();
            serve::worker(args, None, interrupt, Announcer::Terminal).await
        }),
    };
    // A model that is still being loaded must not hold up the end.
    runtime.shutdown_background();
    outcome
}

/// Prints what a command asks for that needs no runtime.
fn print(args: &Args, settings: &ChosenSettings) -> Option<Result<()>> {
    match args.command.as_ref()? {
        Command::Config => Some(cli::terminal::pass(settings.to_toml(&SETTINGS).as_bytes())),
        Command::Completions { shell } => {
            Some(cli::program_info::completions(Args::command(), *shell))
        }
        Command::Man => Some(cli::manual(Args::command())),
        Command::Doctor(_) | Command::Signal { .. } | Command::ReadVideo { .. } => None,
    }
}

fn with_window(runtime: &Runtime, args: Args) -> Result<ExitStatus> {
    vision::window::probe().context(
        "--display needs a display; without one, use --save-every N to look at frames as PNG files",
    )?;
    let (window, view) = frame_window::channel();
    let worker = runtime.spawn(async {
        let interrupt = Interrupt::listen_for_drain();
        serve::worker(args, Some(window), interrupt, Announcer::Terminal).await
    });
    match view.run("sleap-worker") {
        Ok(WindowEnd::ByUser) => info!("window closed; the worker goes on without it"),
        Ok(WindowEnd::Done) => {}
        Err(error) => warn!(%error, "the window is lost; the worker goes on without it"),
    }
    runtime
        .block_on(worker)
        .context("the worker stopped unexpectedly")?
}
