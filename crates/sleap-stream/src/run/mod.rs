//! A run that streams: one source to its end.

mod adaptation;
mod assemble;
mod end;
mod ending;
mod outputs;
mod plan;
mod receive;
mod result_watch;
mod results;
mod source_probe;
mod stream;
mod stream_start;
mod tracks;
mod verdict;
mod wants;

use anyhow::{Context, Result};
use cli::{ExitStatus, Interrupt};
use vision::frame_window;

use crate::config::Config;
use crate::report::events::EventWriter;

/// Streams one source to its end.
///
/// Must be called on the process's main thread: where the system has windows, they belong to it.
pub fn run_stream(config: Config) -> Result<ExitStatus> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let events = EventWriter::of(config.report_mode);
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
