//! A stream whose frames a program hands in, for programs that have the frames themselves.
//!
//! ```no_run
//! use cli::Keyword;
//! use sleap_stream::{FrameOutcome, PushedConfig, PushedFrame, PushedStream, ResultUse};
//! use vision::Image;
//! use vision::capture::FrameContent;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let quality = Keyword::text("jpeg_quality", "80");
//! let stream = PushedStream::begin(PushedConfig::new("my camera", false, &[quality])?)?;
//! let worker = stream.connected(None).expect("without a deadline there is an outcome");
//! worker.map_err(|error| error.to_string())?;
//! let frame = PushedFrame {
//!     content: FrameContent::Pixels(Image::new(640, 480, 1, vec![0; 640 * 480])?),
//!     captured_at: None,
//! };
//! let ticket = stream.push(frame, ResultUse::Ticket, None)?;
//! if let Some(FrameOutcome::Poses(poses)) = ticket.wait(None) {
//!     println!("{} animals", poses.prediction.instances.len());
//! }
//! stream.end();
//! let outcome = stream.ended(None).expect("without a deadline there is an outcome");
//! outcome.map_err(|error| error.to_string())?;
//! # Ok(())
//! # }
//! ```

mod frame;
mod pusher;
mod state;
mod ticket;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use cli::Interrupt;
use serde_json::Value;
use tokio::sync::oneshot;
use vision::capture::{Source, SourceInfo};

use crate::command_line::PushedConfig;
use crate::config::Config;
use crate::report::run_report::RunReport;
use crate::run::{self, PushedSource};
use pusher::FirstPush;
use state::SharedStream;

pub use frame::{FrameOutcome, FramePoses, FrameTooLarge, PushedFrame};
pub use state::{ConnectedWorker, StreamOutcome};
pub use ticket::Ticket;

/// Frames that wait for the encoder where every frame is sent. The queue before the encoder has room for them.
const MAX_WAITING: usize = 1;

/// What the result of a frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultUse {
    /// The ticket alone.
    Ticket,
    /// [`PushedStream::next_poses`], and the ticket.
    Queue,
}

/// Why a frame was not taken.
#[derive(Debug, Clone, thiserror::Error)]
pub enum PushError {
    /// Every frame is sent, and those before were not taken until the deadline.
    #[error(
        "the frames before this one have not left yet: the worker or the link is slower than they come"
    )]
    Full,
    /// The stream has ended or is ending.
    #[error("the stream takes no frame any more: {0}")]
    Ended(String),
    /// It is larger than what a worker takes.
    #[error(transparent)]
    TooLarge(#[from] FrameTooLarge),
}

/// A stream whose frames a program hands in. All methods may be called from any thread.
///
/// Dropping it ends the stream within a few seconds, whatever is on its way.
pub struct PushedStream {
    shared: Arc<SharedStream>,
    pusher: Mutex<FirstPush>,
    interrupt: Interrupt,
    /// All frames are sent.
    every_frame: bool,
}

impl PushedStream {
    /// Begins to look for the worker, on a thread of its own.
    ///
    /// # Errors
    /// The system starts no thread.
    pub fn begin(config: PushedConfig) -> Result<Self> {
        let PushedConfig { config } = config;
        let every_frame = config.live == Some(false);
        let info = pending_info(&config);
        let (send, first) = oneshot::channel();
        let pushed = PushedSource {
            info: info.clone(),
            first,
        };
        let (shared, interrupt) = (SharedStream::new(), Interrupt::without_signals());
        let ends = EndGuard(Arc::clone(&shared));
        let (watcher, raised) = (Arc::clone(&shared), interrupt.clone());
        let run = move || {
            let outcome = run::run_pushed(config, pushed, watcher, raised);
            ends.0.ended(outcome.map_err(Arc::new));
        };
        std::thread::Builder::new()
            .name("stream".into())
            .spawn(run)
            .context("cannot start the stream's thread")?;
        Ok(Self {
            shared,
            pusher: Mutex::new(FirstPush::new(send, info)),
            interrupt,
            every_frame,
        })
    }

    /// The worker, once it is ready; or how the stream has ended without one. `None` at the deadline.
    pub fn connected(
        &self,
        deadline: Option<Instant>,
    ) -> Option<Result<ConnectedWorker, Arc<anyhow::Error>>> {
        self.shared.wait_for(deadline, |state| {
            if let Some(worker) = &state.worker {
                return Some(Ok(worker.clone()));
            }
            let ended = || Arc::new(anyhow!("the stream was ended before a worker was found"));
            let outcome = state.outcome.as_ref()?;
            Some(Err(outcome.as_ref().err().cloned().unwrap_or_else(ended)))
        })
    }

    /// Hands a frame in. Where every frame is sent it waits until there is room for one.
    ///
    /// # Errors
    /// There is no room until the deadline, the stream has ended, or the frame is too large.
    pub fn push(
        &self,
        frame: PushedFrame,
        results: ResultUse,
        deadline: Option<Instant>,
    ) -> Result<Ticket, PushError> {
        frame.check()?;
        let mut frame = Some(frame);
        loop {
            // Held while the frame is handed over, so that numbers are in the order of the frames.
            let mut pusher = self.pusher();
            let begun = self.shared.update(|state| {
                if let Some(outcome) = &state.outcome {
                    return Some(Err(ended(outcome)));
                }
                let has_room = !self.every_frame || state.waiting < MAX_WAITING;
                let is_queued = results == ResultUse::Queue;
                has_room.then(|| Ok(state.begin(is_queued)))
            });
            match (begun, frame.take()) {
                (Some(begun), Some(taken)) => {
                    let (id, cell) = begun?;
                    let ticket = Ticket::new(id, cell, Arc::clone(&self.shared));
                    return pusher.push(taken, ticket, &self.shared);
                }
                (_, kept) => frame = kept,
            }
            drop(pusher);
            let has_changed = |state: &mut state::StreamState| {
                (state.waiting < MAX_WAITING || state.outcome.is_some()).then_some(())
            };
            let waited = self.shared.wait_for(deadline, has_changed);
            waited.ok_or(PushError::Full)?;
        }
    }

    /// The oldest poses of frames that were handed in for the queue; removes them. `None` at the deadline, and
    /// `Some(None)` where there will be none any more.
    pub fn next_poses(&self, deadline: Option<Instant>) -> Option<Option<Arc<FramePoses>>> {
        self.shared.wait_for(deadline, |state| {
            match (state.poses.pop_front(), &state.outcome) {
                (Some(poses), _) => Some(Some(poses)),
                (None, Some(_)) => Some(None),
                (None, None) => None,
            }
        })
    }

    /// Poses that gave way to newer ones before [`next_poses`](Self::next_poses) took them.
    pub fn missed_poses(&self) -> u64 {
        self.shared.update(|state| state.missed)
    }

    /// Waits until something has happened since the call that returned `seen`; returns what to give next.
    pub fn wait_for_change(&self, seen: u64, deadline: Option<Instant>) -> u64 {
        let newer =
            |state: &mut state::StreamState| (state.changes != seen).then_some(state.changes);
        self.shared.wait_for(deadline, newer).unwrap_or(seen)
    }

    /// The summary as it is now, in the form that `--json` has it; `None` at the deadline.
    pub fn summary(&self, deadline: Option<Instant>) -> Option<Value> {
        let mut asked = None;
        self.shared.wait_for(deadline, |state| {
            let nothing = || Some(RunReport::new(Instant::now()).to_json());
            if state.outcome.is_some() || !state.is_open {
                return state.summary.clone().or_else(nothing);
            }
            let before = *asked.get_or_insert_with(|| {
                self.shared.ask();
                state.summaries
            });
            (state.summaries > before).then(|| state.summary.clone())?
        })
    }

    /// No frame follows: the stream ends when all that were handed in have their results.
    pub fn end(&self) {
        self.pusher().end();
    }

    /// Ends the stream at once: frames that wait are left out, and results are waited for a few seconds.
    pub fn interrupt(&self) {
        self.end();
        self.interrupt.raise();
    }

    /// How the stream has ended, once it has; `None` at the deadline.
    pub fn ended(&self, deadline: Option<Instant>) -> Option<StreamOutcome> {
        self.shared
            .wait_for(deadline, |state| state.outcome.clone())
    }

    fn pusher(&self) -> MutexGuard<'_, FirstPush> {
        self.pusher.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for PushedStream {
    fn drop(&mut self) {
        self.interrupt();
    }
}

/// Ends the stream where its thread panics.
struct EndGuard(Arc<SharedStream>);

impl Drop for EndGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let error = anyhow!("the stream stopped unexpectedly");
            self.0.ended(Err(Arc::new(error)));
        }
    }
}

fn ended(outcome: &StreamOutcome) -> PushError {
    PushError::Ended(match outcome {
        Ok(()) => "it has ended".to_owned(),
        Err(error) => format!("{error:#}"),
    })
}

/// What is known before the first frame.
fn pending_info(config: &Config) -> SourceInfo {
    let name = match &config.capture.source {
        Source::Pushed(name) => name.clone(),
        _ => String::new(),
    };
    SourceInfo {
        name,
        width: 0,
        height: 0,
        channels: 0,
        significant_bits: None,
        fps: config.capture.fps,
        total_frames: None,
        frames_to_send: None,
        is_live: true,
    }
}
