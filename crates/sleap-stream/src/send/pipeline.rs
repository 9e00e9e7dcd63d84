//! The sending side's moving parts, from capture to the link.

use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use link::Sender;
use protocol::{FrameId, Message, Timing};
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;
use vision::capture::{Capture, CaptureSummary, CapturedFrame, RunningCapture};
use vision::record::RecordingHandle;

use crate::send::batch::BatchMarks;
use crate::send::deadline::{DeadlineCheck, ResultDeadline};
use crate::send::encode_stage::EncodeStage;
use crate::send::flow::{FlowControl, PacingMode};
use crate::send::frame_encoder::FrameEncoder;
use crate::send::frame_list::FrameList;
use crate::send::in_flight::{self, Flight, ReturnedFrame};
use crate::send::line::{Generation, Line, Tap};
use crate::send::outlet::{Outlet, SentTotals};
use crate::send::queue::{CloseOnDrop, FrameQueue, OverflowPolicy};
use crate::send::window::Window;

/// How frames are to go.
pub(crate) struct SendPlan {
    /// What happens to frames that come faster than they leave.
    pub(crate) policy: OverflowPolicy,
    pub(crate) discipline: PacingMode,
    pub(crate) shaper: FrameEncoder,
    pub(crate) batch_size: u32,
    /// Associations that share the frames.
    pub(crate) lanes: usize,
    /// How many frames there will be, where that is known: the last batch may be a short one.
    pub(crate) frames: Option<u64>,
    /// The stream ends after so many frames.
    pub(crate) max_frames: Option<u64>,
    /// Pictures are kept until their poses are there (snapshot or window).
    pub(crate) keep_pictures: bool,
    /// Where frames are recorded as they are sent.
    pub(crate) recording: Option<RecordingHandle>,
}

/// A running source and its encoder.
pub(crate) struct SendPipeline {
    /// Resolves when everything is sent that will be.
    pub(crate) done: oneshot::Receiver<()>,
    halt: CancellationToken,
    queue: Arc<FrameQueue<CapturedFrame>>,
    window: Arc<Window>,
    flight: Arc<Mutex<Flight>>,
    capture: RunningCapture,
    encoder: JoinHandle<Result<()>>,
    sent: watch::Receiver<SentTotals>,
    recovery: Recovery,
}

/// What becomes of frames without an answer when the connection is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recovery {
    /// They are sent again, in order.
    Resend,
    /// They are given up: newer ones are worth more.
    Forget,
    /// Nobody knows which of them arrived: the stream cannot go on.
    Impossible,
}

impl SendPipeline {
    /// Starts all stages.
    pub(crate) fn start(capture: Capture, plan: SendPlan, tap: Tap) -> Result<Self> {
        let recovery = match (plan.policy, plan.discipline) {
            (OverflowPolicy::Newest, _) => Recovery::Forget,
            (OverflowPolicy::All { .. }, PacingMode::Unanswered) => Recovery::Impossible,
            (OverflowPolicy::All { .. }, _) => Recovery::Resend,
        };
        let shallow =
            plan.discipline == PacingMode::Unanswered && plan.policy == OverflowPolicy::Newest;
        let queue = FrameQueue::new(plan.policy);
        let window = Arc::new(Window::new(
            FlowControl::new(plan.discipline, plan.batch_size).over(plan.lanes),
        ));
        let flight = Arc::new(Mutex::new(Flight::default()));
        let halt = CancellationToken::new();
        let (totals, sent) = watch::channel(SentTotals::default());
        let (finished, done) = oneshot::channel();
        let encoder = EncodeStage {
            queue: Arc::clone(&queue),
            window: Arc::clone(&window),
            flight: Arc::clone(&flight),
            shaper: plan.shaper,
            batch: BatchMarks::new(plan.batch_size, plan.frames),
            outlet: Outlet::new(tap, halt.clone(), Arc::clone(&flight), totals, shallow),
            max_frames: plan.max_frames,
            keep_pictures: plan.keep_pictures,
            keep_frames: recovery == Recovery::Resend,
            recording: plan.recording,
            done: finished,
        };
        let encoder = std::thread::Builder::new()
            .name("encode".into())
            .spawn(move || encoder.run())
            .context("cannot start the encode thread")?;
        let capture = capture.start({
            let queue = CloseOnDrop(Arc::clone(&queue));
            move |frame| match queue.0.push(frame) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        });
        Ok(Self {
            done,
            halt,
            queue,
            window,
            flight,
            capture,
            encoder,
            sent,
            recovery,
        })
    }

    /// What becomes of frames without an answer when the connection is lost.
    pub(crate) fn recovery(&self) -> Recovery {
        self.recovery
    }

    /// Another connection is there: what has to be sent again goes first, then `last` if nothing
    /// else is to follow, then the line is open for new frames. Says how many frames were given up,
    /// the one that waited for the connection included.
    pub(crate) fn resume(
        &self,
        line: Arc<Line>,
        generation: Generation,
        sender: Sender,
        last: Option<Message>,
    ) -> usize {
        let resent = self.recovery == Recovery::Resend;
        let given_up = match resent {
            true => {
                self.flight().reconnected();
                0
            }
            false => self.flight().forget(),
        };
        self.window
            .update(|flow| flow.reconnected(resent, Instant::now()));
        let flight = Arc::clone(&self.flight);
        tokio::spawn(async move {
            while let Some(frame) = next(&flight, generation) {
                let id = frame.meta.frame_id;
                // A connection that is lost again is the receiver's to report.
                let Ok(handed) = sender.send_frame(frame).await else {
                    return;
                };
                let Some(at) = handed.await else { return };
                in_flight::lock(&flight).handed(id, at);
            }
            if let Some(last) = last {
                let _ = sender.send(last).await;
            }
            line.up(generation, sender);
        });
        given_up
    }

    /// What was sent so far.
    pub(crate) fn sent(&self) -> SentTotals {
        *self.sent.borrow()
    }

    /// Frames that newer ones replaced before they were encoded.
    pub(crate) fn dropped(&self) -> u64 {
        self.queue.dropped()
    }

    /// A frame was answered: its place is free. `None` for a frame that is not on its way.
    pub(crate) fn answered(&self, id: FrameId, timing: Option<&Timing>) -> Option<ReturnedFrame> {
        let now = Instant::now();
        let untimed = Timing::default();
        let arrived = self.flight().arrive(id, timing.unwrap_or(&untimed), now)?;
        self.window.update(|flow| flow.answered(id, timing, now));
        Some(arrived)
    }

    /// The worker's queues are full.
    pub(crate) fn pressed(&self) {
        self.window.update(FlowControl::pressed);
    }

    /// No frame leaves for as long as this holds; what is under way is not concerned.
    pub(crate) fn hold(&self, held: bool) {
        self.window.hold(held);
    }

    /// The least time between two frames from now on.
    pub(crate) fn set_pause(&self, pause: Duration) {
        self.window.update(|flow| flow.set_pause(pause));
    }

    /// An answer came that cannot be read: the frame's place is free.
    pub(crate) fn damaged(&self, id: FrameId) {
        if self.flight().damaged(id) {
            self.window.update(|flow| flow.give_up(id));
        }
    }

    /// Looks at the frames that wait, and frees the places of those that are given up.
    pub(crate) fn check(&self, deadline: &mut ResultDeadline, moved: Instant) -> DeadlineCheck {
        let check = deadline.check(&mut self.flight(), moved, Instant::now());
        if !check.given_up.is_empty() {
            self.window.update(|flow| {
                for id in &check.given_up {
                    flow.give_up(*id);
                }
            });
        }
        check
    }

    /// Frames that were sent, have no answer and are not given up.
    pub(crate) fn waiting(&self) -> usize {
        self.flight().waiting()
    }

    /// Frames that were sent and have no answer.
    pub(crate) fn unanswered(&self) -> FrameList {
        self.flight().unanswered()
    }

    /// Ends the source; what was not encoded yet stays unsent.
    pub(crate) fn stop(&self) {
        self.capture.stop();
        self.queue.cut();
        self.window.close();
    }

    /// Stops and joins everything. What a stage failed with is the outer error; how the source
    /// ended by itself is the inner one.
    pub(crate) async fn finish(self) -> Result<Result<CaptureSummary, vision::capture::ReadError>> {
        self.stop();
        // The encoder may wait for a link that is stuck.
        self.halt.cancel();
        let Self {
            capture, encoder, ..
        } = self;
        let (captured, encoded) =
            tokio::task::spawn_blocking(move || (capture.join(), encoder.join()))
                .await
                .context("ending the source stopped unexpectedly")?;
        encoded.map_err(|_| anyhow!("the encode thread panicked"))??;
        Ok(captured)
    }

    fn flight(&self) -> MutexGuard<'_, Flight> {
        in_flight::lock(&self.flight)
    }
}

fn next(flight: &Mutex<Flight>, generation: Generation) -> Option<protocol::Frame> {
    in_flight::lock(flight).resend(generation)
}
