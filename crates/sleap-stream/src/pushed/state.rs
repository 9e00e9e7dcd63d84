//! What a stream and the program that hands its frames in have in common.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use cli::WatchedState;
use protocol::{FrameId, ModelInfo, Skeleton, StreamAck};
use serde_json::Value;
use tokio::sync::Notify;
use vision::capture::{DriverTiming, SourceInfo};

use super::frame::{FrameOutcome, FramePoses};
use crate::send::frame_watcher::{FrameAnswer, FrameWatcher};

/// Poses that wait for the program at most; then the oldest gives way.
const MAX_POSES: usize = 4096;

/// Frames without an outcome that are remembered at most; flow control allows fewer.
const MAX_OPEN: usize = 4096;

/// The worker of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectedWorker {
    /// Which one it is, for people.
    pub name: String,
    /// Its model.
    pub model: Option<ModelInfo>,
    /// What the model's points are.
    pub skeleton: Option<Skeleton>,
}

/// How a stream has ended: in order, or why it failed.
pub type StreamOutcome = Result<(), Arc<anyhow::Error>>;

/// Where the outcome of a frame goes.
pub(super) type OutcomeCell = Arc<OnceLock<FrameOutcome>>;

/// What the threads share.
pub(super) struct SharedStream {
    state: WatchedState<StreamState>,
    asked: Arc<Notify>,
}

#[derive(Default)]
pub(super) struct StreamState {
    next_id: FrameId,
    open: BTreeMap<FrameId, OpenFrame>,
    /// Frames that the encoder has not taken.
    pub(super) waiting: usize,
    pub(super) poses: VecDeque<Arc<FramePoses>>,
    /// Poses that gave way to newer ones before the program took them.
    pub(super) missed: u64,
    /// Counts what has happened.
    pub(super) changes: u64,
    pub(super) worker: Option<ConnectedWorker>,
    /// The first frame has come.
    pub(super) is_open: bool,
    pub(super) summary: Option<Value>,
    pub(super) summaries: u64,
    pub(super) outcome: Option<StreamOutcome>,
}

/// A frame without an outcome.
struct OpenFrame {
    cell: OutcomeCell,
    /// Its poses are to wait for the program.
    is_queued: bool,
    is_waiting: bool,
}

impl SharedStream {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            state: WatchedState::default(),
            asked: Arc::default(),
        })
    }

    /// Asks the stream for its summary.
    pub(super) fn ask(&self) {
        self.asked.notify_one();
    }

    /// Waits until `found` finds something; `None` where it does not until the deadline.
    pub(super) fn wait_for<T>(
        &self,
        deadline: Option<Instant>,
        found: impl FnMut(&mut StreamState) -> Option<T>,
    ) -> Option<T> {
        self.state.wait_for(deadline, found)
    }

    /// Reads or changes the state; the threads that wait look at it again.
    pub(super) fn update<T>(&self, change: impl FnOnce(&mut StreamState) -> T) -> T {
        self.state.update(|state| {
            state.changes += 1;
            change(state)
        })
    }

    /// The stream has ended; frames without an outcome have none any more.
    pub(super) fn ended(&self, outcome: StreamOutcome) {
        let why = match &outcome {
            Ok(()) => "the stream has ended".to_owned(),
            Err(error) => format!("{error:#}"),
        };
        self.update(|state| {
            state.waiting = 0;
            for frame in std::mem::take(&mut state.open).into_values() {
                // It has an outcome already where it was given up.
                let _ = frame.cell.set(FrameOutcome::Lost(why.clone()));
            }
            state.outcome.get_or_insert(outcome);
        });
    }
}

impl StreamState {
    /// A frame comes. `is_queued`: its poses are to wait for the program.
    pub(super) fn begin(&mut self, is_queued: bool) -> (FrameId, OutcomeCell) {
        while self.open.len() >= MAX_OPEN {
            let Some((_, frame)) = self.open.pop_first() else {
                break;
            };
            self.waiting -= usize::from(frame.is_waiting);
            let why = "too many frames have no result";
            let _ = frame.cell.set(FrameOutcome::Lost(why.to_owned()));
        }
        let id = self.next_id;
        self.next_id += 1;
        let cell = OutcomeCell::default();
        let frame = OpenFrame {
            cell: Arc::clone(&cell),
            is_queued,
            is_waiting: true,
        };
        self.open.insert(id, frame);
        self.waiting += 1;
        (id, cell)
    }

    /// The encoder has the frame, or will never have it.
    fn left(&mut self, id: FrameId) {
        if let Some(frame) = self.open.get_mut(&id)
            && std::mem::replace(&mut frame.is_waiting, false)
        {
            self.waiting -= 1;
        }
    }

    /// The frame has this outcome, and is done.
    pub(super) fn close(&mut self, id: FrameId, outcome: FrameOutcome) {
        self.left(id);
        let Some(frame) = self.open.remove(&id) else {
            return;
        };
        if let (FrameOutcome::Poses(poses), true) = (&outcome, frame.is_queued) {
            if self.poses.len() == MAX_POSES {
                self.poses.pop_front();
                self.missed += 1;
            }
            self.poses.push_back(Arc::clone(poses));
        }
        // A frame that was given up keeps that outcome.
        let _ = frame.cell.set(outcome);
    }
}

impl FrameWatcher for SharedStream {
    fn connected(&self, ack: &StreamAck, worker: &str) {
        let worker = ConnectedWorker {
            name: worker.to_owned(),
            model: ack.model.clone(),
            skeleton: ack.skeleton.clone(),
        };
        self.update(|state| state.worker = Some(worker));
    }

    fn opened(&self, _: &SourceInfo, _: Option<DriverTiming>) {
        self.update(|state| state.is_open = true);
    }

    fn replaced(&self, id: FrameId) {
        self.update(|state| state.close(id, FrameOutcome::Replaced));
    }

    fn taken(&self, id: FrameId) {
        self.update(|state| state.left(id));
    }

    fn answered(&self, id: FrameId, answer: FrameAnswer<'_>) {
        let outcome = match answer {
            FrameAnswer::Poses(prediction, derived, returned) => {
                FrameOutcome::Poses(Arc::new(FramePoses::new(prediction, derived, returned)))
            }
            FrameAnswer::Received => FrameOutcome::Failed(
                "the worker has received the frame, and predicts nothing".to_owned(),
            ),
            FrameAnswer::Failed(reason) => FrameOutcome::Failed(reason.to_owned()),
        };
        self.update(|state| state.close(id, outcome));
    }

    fn given_up(&self, id: FrameId, why: &'static str) {
        self.update(|state| {
            state.left(id);
            // It stays open: its poses may come late.
            if let Some(frame) = state.open.get(&id) {
                let _ = frame.cell.set(FrameOutcome::Lost(why.to_owned()));
            }
        });
    }

    fn wants_report(&self) -> Option<Arc<Notify>> {
        Some(Arc::clone(&self.asked))
    }

    fn reported(&self, summary: Value) {
        self.update(|state| {
            state.summary = Some(summary);
            state.summaries += 1;
        });
    }
}
