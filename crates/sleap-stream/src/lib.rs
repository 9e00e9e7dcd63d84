//! The camera side: frames out over WebRTC, poses in.
//!
//! ```text
//! capture thread -> queue -> encode thread -> line -> data channel
//!                (newest frame, or all)      (whole frames; away while the connection is lost)
//! data channel -> answers -> outputs, window, report
//! ```
//!
//! Every arrow is bounded, the one to outputs by what may be under way: while one of them is full no
//! frame leaves (`receive`), and nothing there waits for a disk or a reader. What has to wait waits before the encoder, where a live source drops
//! old frames and a file is simply read more slowly. `flow` says when the next frame may leave,
//! `adapt` how much of it; both are pure, as are `queue::Buffer`, `flight` and `latency`, and `sim`
//! runs them in virtual time. A lost connection is looked for again (`redial`); frames without an
//! answer are kept meanwhile (`flight`). A worker that answers nothing for too long loses the places of
//! its frames, then the stream (`deadline`).

#![warn(clippy::print_stdout, clippy::print_stderr)]

mod adapt;
mod answers;
mod args;
mod batch;
mod cameras;
mod commands;
mod deadline;
mod doctor;
mod encode;
mod ending;
mod events;
mod flight;
mod flow;
mod frame_list;
mod handshake;
mod help;
mod lanes;
mod latency;
mod line;
mod meeting;
mod outlet;
mod output;
mod parts;
mod plan;
mod progress;
mod queue;
mod receive;
mod recent;
mod redial;
mod report;
mod send_file;
mod shape;
mod silence;
#[cfg(test)]
mod sim;
mod stages;
mod stream;
mod trust;
mod verdict;
mod wants;
mod window;

use anyhow::{Context, Result};
use cli::{ExitStatus, Interrupt};
use vision::frame_window;

pub use args::{Args, Config};
pub use commands::{Command, SETTINGS, command, run as run_command};
pub use send_file::{SendArgs, SendConfig, send};
pub use trust::TrustArgs;

/// Streams one source to its end.
///
/// Must be called on the process's main thread: where the system has windows, they live there.
pub fn main(config: Config) -> Result<ExitStatus> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let events = events::Events::of(config.messages);
    let outcome = if config.display {
        with_window(&runtime, config)
    } else {
        runtime.block_on(async { stream::run(config, None, Interrupt::listen()).await })
    };
    // A source that is still being opened must not hold up the end.
    runtime.shutdown_background();
    match (outcome, events) {
        (Err(error), Some(events)) => {
            events.error(&format!("{error:#}"));
            match events.are_aside() {
                true => Ok(ExitStatus::Failed),
                false => Err(error),
            }
        }
        (outcome, _) => outcome,
    }
}

fn with_window(runtime: &tokio::runtime::Runtime, config: Config) -> Result<ExitStatus> {
    vision::window::probe().context("--display needs a display")?;
    let (screen, view) = frame_window::channel();
    let run = runtime.spawn(async { stream::run(config, Some(screen), Interrupt::listen()).await });
    match view.run("sleap-stream") {
        Ok(frame_window::WindowEnd::ByUser) => {
            tracing::info!("window closed; the stream goes on without it");
        }
        Ok(frame_window::WindowEnd::Done) => {}
        Err(error) => tracing::warn!(%error, "the window is lost; the stream goes on without it"),
    }
    runtime
        .block_on(run)
        .context("the stream stopped unexpectedly")?
}
