//! A run that streams: one source to its end.

mod adaptation;
mod assemble;
mod camera_share;
mod cameras;
mod closed_loop;
mod delivery;
mod derived;
mod end;
mod ending;
mod first_frame;
mod hold_ups;
mod outputs;
mod plan;
mod receive;
mod result_watch;
mod results;
mod rule_view;
mod source_probe;
mod stream;
mod stream_emitter;
mod stream_source;
mod stream_start;
mod tracks;
mod verdict;
mod wants;

use anyhow::{Context, Result, bail};
use cli::{ExitStatus, Interrupt};
use tokio::sync::oneshot;
use vision::frame_window;

use crate::config::{Config, RunConfig};
use crate::report::events::EventWriter;
use crate::send::frame_watcher::SharedWatcher;
use stream::StreamContext;

pub(crate) use first_frame::PushedSource;

/// Streams one source, or several cameras, to the end.
///
/// Must be called on the process's main thread: where the system has windows, they belong to it.
pub fn run_stream(config: RunConfig) -> Result<ExitStatus> {
    let runtime = runtime()?;
    let RunConfig { streams, .. } = &config;
    let events = streams
        .first()
        .and_then(|it| EventWriter::of(it.report_mode));
    let outcome = match &streams[..] {
        all if all.iter().any(|it| it.display) => with_window(&runtime, config),
        [only] => runtime.block_on(async {
            stream::run(only.clone(), StreamContext::default(), Interrupt::listen()).await
        }),
        _ => runtime.block_on(async { cameras::run(config, None, Interrupt::listen()).await }),
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

/// Streams a live source for `watcher`, until `end` is done.
pub(crate) fn run_watched(
    config: Config,
    watcher: SharedWatcher,
    end: oneshot::Receiver<()>,
) -> Result<()> {
    let runtime = runtime()?;
    let outcome = runtime.block_on(async {
        let interrupt = Interrupt::listen();
        let ends = interrupt.clone();
        tokio::spawn(async move {
            // Sent or dropped: in both cases it is over.
            let _ = end.await;
            ends.raise();
        });
        let context = StreamContext {
            watcher: Some(watcher),
            ..StreamContext::default()
        };
        stream::run(config, context, interrupt).await
    });
    runtime.shutdown_background();
    match outcome? {
        ExitStatus::Failed => bail!("the stream failed"),
        _ => Ok(()),
    }
}

/// Streams the frames that a program hands in, until they end or `interrupt` is raised.
pub(crate) fn run_pushed(
    config: Config,
    pushed: PushedSource,
    watcher: SharedWatcher,
    interrupt: Interrupt,
) -> Result<()> {
    let runtime = runtime()?;
    let context = StreamContext {
        watcher: Some(watcher),
        pushed: Some(pushed),
        ..StreamContext::default()
    };
    let outcome = runtime.block_on(stream::run(config, context, interrupt));
    runtime.shutdown_background();
    outcome.map(drop)
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

fn with_window(runtime: &tokio::runtime::Runtime, config: RunConfig) -> Result<ExitStatus> {
    vision::window::probe().context("--display needs a display")?;
    let (window, view) = frame_window::channel();
    let run = runtime.spawn(async move {
        match &config.streams[..] {
            [only] => {
                let context = StreamContext {
                    screen: Some(window.tile("")),
                    ..StreamContext::default()
                };
                let only = only.clone();
                // The tile keeps the window open.
                drop(window);
                stream::run(only, context, Interrupt::listen()).await
            }
            _ => cameras::run(config, Some(window), Interrupt::listen()).await,
        }
    });
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
