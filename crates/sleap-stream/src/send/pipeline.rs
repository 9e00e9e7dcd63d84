//! The sending side's moving parts, from capture to the link.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use link::Sender;
use protocol::{FrameId, Message, Timing};
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;
use vision::capture::{Capture, CaptureSummary, CapturedFrame, RunningCapture};

use crate::moments::CameraEndGuard;
use crate::send::batch::BatchMarks;
use crate::send::deadline::{DeadlineCheck, ResultDeadline};
use crate::send::encode_stage::EncodeStage;
use crate::send::flow::FlowControl;
use crate::send::frame_list::FrameList;
use crate::send::frame_watcher::SharedWatcher;
use crate::send::in_flight::{ConnectionNumber, InFlight, ReturnedFrame, SharedInFlight};
use crate::send::plan::{Recovery, SendPlan};
use crate::send::source_queue::{CloseOnDrop, SourceQueue};
use crate::send::uplink::{SentTotals, Uplink, UplinkControl, UplinkWatch};

/// A running source and its encoder.
pub(crate) struct SendPipeline {
    /// Resolves when everything is sent that will be.
    pub(crate) done: oneshot::Receiver<()>,
    halt: CancellationToken,
    queue: SourceQueue,
    in_flight: Arc<SharedInFlight>,
    capture: RunningCapture,
    encoder: JoinHandle<Result<()>>,
    sent: watch::Receiver<SentTotals>,
    recovery: Recovery,
    watcher: Option<SharedWatcher>,
}

impl SendPipeline {
    /// Starts all stages.
    pub(crate) fn start(capture: Capture, plan: SendPlan, watch: UplinkWatch) -> Result<Self> {
        let (recovery, is_shallow) = (plan.recovery(), plan.is_shallow());
        let queue = SourceQueue::new(plan.slot, plan.overflow);
        let flow = FlowControl::new(plan.pacing, plan.batch_size).over(plan.lanes);
        let in_flight = Arc::new(SharedInFlight::new(InFlight::new(flow)));
        let halt = CancellationToken::new();
        let (totals, sent) = watch::channel(SentTotals::default());
        let (finished, done) = oneshot::channel();
        let ledger = Arc::clone(&in_flight);
        let encoder = EncodeStage {
            queue: queue.clone(),
            in_flight: Arc::clone(&in_flight),
            encoder: plan.encoder,
            batch: BatchMarks::new(plan.batch_size, plan.frames),
            uplink: Uplink::new(watch, halt.clone(), ledger, totals, is_shallow),
            max_frames: plan.max_frames,
            keep_pictures: plan.keep_pictures,
            one_size: plan.one_size,
            keep_frames: recovery == Recovery::Resend,
            recording: plan.recording,
            watcher: plan.watcher.clone(),
            moments: plan.moments.clone(),
            done: finished,
        };
        let encoder = std::thread::Builder::new()
            .name("encode".into())
            .spawn(move || encoder.run())
            .context("cannot start the encode thread")?;
        let capture = capture.start({
            let queue = CloseOnDrop(queue.clone());
            let watcher = plan.watcher.clone();
            let moments = plan.moments.map(CameraEndGuard);
            move |frame| {
                group(moments.as_ref(), &frame);
                let seen = watcher.as_ref().map(|watcher| (watcher, frame.clone()));
                let Ok(replaced) = queue.0.push(frame) else {
                    return ControlFlow::Break(());
                };
                if let Some((watcher, frame)) = seen {
                    if let Some(replaced) = replaced {
                        watcher.replaced(replaced.frame_id);
                    }
                    watcher.captured(&frame);
                }
                ControlFlow::Continue(())
            }
        });
        Ok(Self {
            done,
            halt,
            queue,
            in_flight,
            capture,
            encoder,
            sent,
            recovery,
            watcher: plan.watcher,
        })
    }

    /// What becomes of frames without a result when the connection is lost.
    pub(crate) fn recovery(&self) -> Recovery {
        self.recovery
    }

    /// Another connection is there: what has to be sent again goes first, then `last` if nothing
    /// else follows, then the uplink is open for new frames. Returns how many frames were given up,
    /// the one that waited for the connection included.
    pub(crate) fn resume(
        &self,
        uplink: Arc<UplinkControl>,
        connection: ConnectionNumber,
        sender: Sender,
        last: Option<Message>,
    ) -> usize {
        let is_resent = self.recovery == Recovery::Resend;
        let (all, given_up) = self.in_flight.update(|in_flight| {
            let all = in_flight.ids();
            (all, in_flight.reconnected(is_resent, Instant::now()))
        });
        if !is_resent {
            self.given_up(&all, "it was on its way when the connection broke");
        }
        let in_flight = Arc::clone(&self.in_flight);
        tokio::spawn(async move {
            while let Some(frame) = in_flight.update(|it| it.resend(connection)) {
                let id = frame.meta.frame_id;
                // A connection that is lost again is the receiver's to report.
                let Ok(handed) = sender.send_frame(frame).await else {
                    return;
                };
                let Some(at) = handed.await else { return };
                in_flight.update(|it| it.handed(id, at));
            }
            if let Some(last) = last {
                let _ = sender.send(last).await;
            }
            uplink.connected(connection, sender);
        });
        given_up
    }

    /// What was sent so far.
    pub(crate) fn sent(&self) -> SentTotals {
        *self.sent.borrow()
    }

    /// Frames that were left out before they were encoded.
    pub(crate) fn dropped(&self) -> u64 {
        self.queue.dropped()
    }

    /// A frame's result is here: its slot is free. `None` for a frame that is not in flight.
    pub(crate) fn returned(&self, id: FrameId, timing: Option<&Timing>) -> Option<ReturnedFrame> {
        self.in_flight
            .update(|in_flight| in_flight.returned(id, timing, Instant::now()))
    }

    /// The worker's queues are full.
    pub(crate) fn pressed(&self) {
        self.in_flight.update(InFlight::pressed);
    }

    /// No frame leaves for as long as this holds; frames in flight are not concerned.
    pub(crate) fn hold(&self, held: bool) {
        self.in_flight.hold(held);
    }

    /// Whether frames are held and the encoder has none: none leaves before they are let go.
    pub(crate) fn is_held_back(&self) -> bool {
        self.in_flight.is_held_back()
    }

    /// The least time between two frames from now on.
    pub(crate) fn set_pause(&self, pause: Duration) {
        self.in_flight
            .update(|in_flight| in_flight.set_pause(pause));
    }

    /// A result came that cannot be read: the frame's slot is free.
    pub(crate) fn damaged(&self, id: FrameId) {
        self.in_flight.update(|in_flight| in_flight.damaged(id));
        self.given_up(&[id], "its result cannot be read");
    }

    /// Frames that will not arrive: their slots are free. Returns how many of them were in flight.
    pub(crate) fn lost_on_the_way(&self, ids: &[FrameId]) -> usize {
        let lost = self.in_flight.update(|in_flight| in_flight.lost(ids));
        self.given_up(&lost, "packets of it were lost on the way");
        lost.len()
    }

    fn given_up(&self, ids: &[FrameId], why: &'static str) {
        if let Some(watcher) = &self.watcher {
            ids.iter().for_each(|id| watcher.given_up(*id, why));
        }
    }

    /// Checks the frames that wait, and frees the slots of those that are given up.
    pub(crate) fn check(&self, deadline: &mut ResultDeadline, moved: Instant) -> DeadlineCheck {
        let check = self
            .in_flight
            .update(|in_flight| deadline.check(in_flight, moved, Instant::now()));
        self.given_up(&check.given_up, "the worker has not answered in time");
        check
    }

    /// Frames that were sent, have no result and are not given up.
    pub(crate) fn waiting(&self) -> usize {
        self.in_flight.update(|in_flight| in_flight.waiting())
    }

    /// Frames that were sent and have no result.
    pub(crate) fn unanswered(&self) -> FrameList {
        self.in_flight.update(|in_flight| in_flight.unanswered())
    }

    /// Ends the source; what was not encoded yet stays unsent.
    pub(crate) fn stop(&self) {
        self.capture.stop();
        self.queue.cut();
        self.in_flight.close();
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
}

/// Lets a frame be grouped with those of other cameras, where there are several.
fn group(moments: Option<&CameraEndGuard>, frame: &CapturedFrame) {
    if let Some(CameraEndGuard(moments)) = moments {
        moments.captured(frame.frame_id, frame.captured);
    }
}
