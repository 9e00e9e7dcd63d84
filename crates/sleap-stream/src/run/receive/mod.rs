//! The loop that waits for the worker, the user and the clock while a stream runs.

mod moving;
mod reconnect;

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use cli::Interrupt;
use link::{Channel, Receiver, Sender};
use protocol::{DecodeError, Message, PEER_SILENCE, StreamAck, StreamEnd};
use tokio::time::{MissedTickBehavior, interval};

use crate::connect::handshake::{self, returns_results};
use crate::connect::reconnect::{Reconnector, WorkerIdentity};
use crate::report::progress::Progress;
use crate::run::end::ReceiveEnd;
use crate::run::result_watch::ResultWatch;
use crate::run::results::ResultHandler;
use crate::send::pipeline::SendPipeline;
use crate::send::plan::Recovery;
use crate::send::uplink::UplinkControl;
use moving::{Moving, Suspicion};

/// How long the worker may take to confirm the end of a stream.
const COMPLETE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long an interrupted run waits for the results of what it has sent.
const INTERRUPT_TIMEOUT: Duration = Duration::from_secs(5);

/// How soon frames leave again after an output that was full has room.
const ROOM_CHECK_INTERVAL: Duration = Duration::from_millis(20);

const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// How far a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Frames are captured and sent.
    Sending,
    /// Nothing more is encoded; the stream is to end for this reason.
    Stopping(ReceiveEnd, Instant),
    /// STREAM_END is sent; when the worker confirms it, the stream has ended so.
    Ended(ReceiveEnd, Instant),
}

/// The loop that waits for the worker, the user and the clock.
pub(crate) struct ReceiveLoop<'a> {
    receiver: Receiver,
    sender: Sender,
    uplink: Arc<UplinkControl>,
    reconnector: &'a Reconnector,
    worker: WorkerIdentity,
    interrupt: &'a Interrupt,
    progress: Progress,
    state: State,
    /// Everything was sent that will be.
    all_sent: bool,
    /// When the last result came.
    last_result: Instant,
    /// Watches results; `None` where the worker does not return one for each frame.
    watch: Option<ResultWatch>,
    /// When the last check was.
    last_check: Instant,
    /// Since when there are no results because the connection is lost, maybe several times.
    lost_since: Option<Instant>,
    /// Why the worker was not found again.
    not_found: Option<anyhow::Error>,
    /// No frame leaves, since an output is full.
    held: bool,
    warned_slow: bool,
    /// Another worker will do as well, and frames can go on there.
    can_move: bool,
    /// The worker is about to end.
    drains: bool,
    /// The stream is on its way to another worker.
    moving: Moving<'a>,
    /// Whether the worker has left its meeting point.
    suspicion: Suspicion<'a>,
}

impl<'a> ReceiveLoop<'a> {
    /// `ack`: the worker's acknowledgement over `channel`, whose sending half `uplink` has too. `recovery`:
    /// what becomes of frames without a result.
    pub(crate) fn new(
        channel: Channel,
        ack: &StreamAck,
        uplink: Arc<UplinkControl>,
        reconnector: &'a Reconnector,
        recovery: Recovery,
        interrupt: &'a Interrupt,
        progress: Progress,
    ) -> Self {
        let Channel { sender, receiver } = channel;
        Self {
            receiver,
            sender,
            uplink,
            reconnector,
            worker: WorkerIdentity::of(ack),
            interrupt,
            progress,
            state: State::Sending,
            all_sent: false,
            last_result: Instant::now(),
            watch: returns_results(ack).then(|| ResultWatch::new(reconnector, recovery)),
            last_check: Instant::now(),
            lost_since: None,
            not_found: None,
            held: false,
            warned_slow: false,
            can_move: recovery != Recovery::Impossible && reconnector.is_exchangeable(),
            drains: false,
            moving: Moving::default(),
            suspicion: Suspicion::default(),
        }
    }

    /// Takes results until the worker has confirmed the end.
    pub(crate) async fn run(
        &mut self,
        results: &mut ResultHandler,
        pipeline: &mut SendPipeline,
    ) -> Result<ReceiveEnd> {
        let end = self.take_all(results, pipeline).await;
        self.note_shards(results);
        end
    }

    /// What has gone in shards up to now.
    fn note_shards(&self, results: &mut ResultHandler) {
        results.report.shards.update(&self.sender.stats());
    }

    async fn take_all(
        &mut self,
        results: &mut ResultHandler,
        pipeline: &mut SendPipeline,
    ) -> Result<ReceiveEnd> {
        let mut tick = interval(PROGRESS_INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut room = interval(ROOM_CHECK_INTERVAL);
        room.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (asked, decided) = (results.wants_report(), results.camera.notified());
        loop {
            let mut over = None;
            tokio::select! {
                message = self.receiver.recv() => over = self.received(message, results, pipeline),
                lost = self.sender.lost_frames() => results.lost_on_the_way(&lost, pipeline),
                // Sent all, or dropped by an encoder that failed: either way there is no more.
                _ = &mut pipeline.done, if !self.all_sent => self.all_sent = true,
                () = self.interrupt.raised(), if self.reason() == ReceiveEnd::Complete =>
                    self.stop(ReceiveEnd::Interrupted, pipeline),
                _ = tick.tick() => over = self.check(results, pipeline)?,
                _ = room.tick(), if self.held || results.camera.are_waiting() => results.camera.check(),
                () = decided.notified() => {}
                channel = self.moving.found() => self.moving.found_at(channel),
                true = self.suspicion.has_left(), if self.is_suspect() => {
                    tracing::warn!("the worker answers nothing and has left its meeting point");
                    over = Some(ReceiveEnd::Lost);
                }
                () = asked.notified() => give_report(results, pipeline),
            }
            if over.is_none() {
                self.go_on_elsewhere(results, pipeline).await;
            }
            results.deliver_decided();
            self.hold(results, pipeline);
            if std::mem::take(&mut results.losses_show) {
                self.reconnector.losses_show(&self.sender);
            }
            if over == Some(ReceiveEnd::Lost) {
                over = self.reconnect(results, pipeline).await?;
            }
            if let Some(end) = over {
                return Ok(end);
            }
            if self.all_sent
                && self.uplink.is_connected()
                && !matches!(self.state, State::Ended(..))
            {
                self.end(pipeline, results.report.seconds()).await;
            }
            if self.state == State::Sending && results.is_unused() {
                self.stop(ReceiveEnd::NoReader, pipeline);
            }
        }
    }

    /// Takes what the channel gave, `None` at its end. How the stream is over, if it is.
    fn received(
        &mut self,
        message: Option<Result<Message, DecodeError>>,
        results: &mut ResultHandler,
        pipeline: &SendPipeline,
    ) -> Option<ReceiveEnd> {
        match (message, self.state) {
            (Some(Ok(Message::StreamComplete(complete))), State::Ended(end, _)) => {
                results.lost_on_the_way(&self.sender.take_lost_frames(), pipeline);
                results.complete = Some(complete);
                return Some(end);
            }
            (Some(Ok(Message::Drain)), _) => self.worker_drains(),
            (Some(Ok(message)), _) => {
                if let Some(took) = results.message(message, pipeline) {
                    self.returned(took, results);
                }
            }
            (Some(Err(error)), _) => results.unreadable(&error, pipeline),
            (None, State::Stopping(end, _)) => return Some(end),
            (None, State::Ended(end, _)) if end != ReceiveEnd::Complete => return Some(end),
            (None, _) => return Some(ReceiveEnd::Lost),
        }
        None
    }

    /// Lets no new frame leave while an output is full, or the stream goes to another worker; the results of those in flight are still taken.
    fn hold(&mut self, results: &ResultHandler, pipeline: &SendPipeline) {
        let full = !results.outputs.has_room();
        let held = full || self.moving.is_emptying();
        if held == self.held {
            return;
        }
        self.held = held;
        pipeline.hold(held);
        if full && !std::mem::replace(&mut self.warned_slow, true) {
            tracing::warn!("an output is slower than the poses come: frames wait for it");
        }
    }

    /// A result came, this long after the link had taken the frame.
    fn returned(&mut self, took: Duration, results: &mut ResultHandler) {
        self.last_result = Instant::now();
        self.lost_since = None;
        if let Some(watch) = &mut self.watch {
            watch.returned(took, &mut results.report);
        }
    }

    fn stop(&mut self, end: ReceiveEnd, pipeline: &SendPipeline) {
        pipeline.stop();
        let now = Instant::now();
        self.state = match self.state {
            State::Sending | State::Stopping(..) => State::Stopping(end, now),
            State::Ended(..) => State::Ended(end, now),
        };
    }

    /// What is done several times a second: progress, files, and timeouts.
    fn check(
        &mut self,
        results: &mut ResultHandler,
        pipeline: &SendPipeline,
    ) -> Result<Option<ReceiveEnd>> {
        update_sent(results, pipeline);
        self.note_shards(results);
        results.publish();
        self.progress.update(&results.report);
        results.check_outputs()?;
        let unseen = std::mem::replace(&mut self.last_check, Instant::now()).elapsed();
        // The client was stopped, by suspending the machine for example.
        if let Some(watch) = self.watch.as_mut().filter(|_| unseen > PEER_SILENCE) {
            watch.restart(&mut results.report);
        }
        match self.state {
            State::Stopping(end, since) | State::Ended(end, since)
                if end != ReceiveEnd::Complete =>
            {
                return Ok((since.elapsed() > INTERRUPT_TIMEOUT).then_some(end));
            }
            State::Ended(_, since) if self.is_unconfirmed(since, pipeline) => {
                return Ok(Some(ReceiveEnd::Silent));
            }
            _ => {}
        }
        let may_reconnect = self.can_move && !self.reconnector.reconnect_timeout().is_zero();
        let may_have_died = self.watch.is_some() && pipeline.waiting() > 0;
        if may_reconnect && may_have_died && self.is_suspect() {
            self.suspicion.consider(self.reconnector);
        }
        let watch = self.watch.as_mut();
        Ok(watch.and_then(|watch| watch.check(&self.sender, pipeline, &mut results.report)))
    }

    /// Whether the worker has taken too long to confirm the end of the stream. While frames wait whose
    /// results are due first, their deadline counts.
    fn is_unconfirmed(&self, since: Instant, pipeline: &SendPipeline) -> bool {
        let waits = self.watch.is_some() && pipeline.waiting() > 0;
        !waits && since.elapsed().min(self.last_result.elapsed()) > COMPLETE_TIMEOUT
    }

    /// Why the stream is ending.
    fn reason(&self) -> ReceiveEnd {
        match self.state {
            State::Sending => ReceiveEnd::Complete,
            State::Stopping(end, _) | State::Ended(end, _) => end,
        }
    }

    /// Reports to the worker that there is no more.
    async fn end(&mut self, pipeline: &SendPipeline, seconds: f64) {
        self.state = State::Ended(self.reason(), Instant::now());
        // A link that closed meanwhile is the receiver's to report.
        let _ = self.sender.send(stream_end(pipeline, seconds)).await;
    }

    /// Ends a stream in order that stopped for a reason of the client's, a full disk for example.
    pub(crate) async fn leave(&mut self, seconds: f64, pipeline: &SendPipeline) {
        pipeline.stop();
        self.progress.finish();
        if self.uplink.is_connected() && !matches!(self.state, State::Ended(..)) {
            self.end(pipeline, seconds).await;
        }
    }

    /// Closes the connection. Gives why it was closed before, as the end of a sentence.
    pub(crate) async fn close(self) -> String {
        let because = handshake::because(&self.receiver);
        self.sender.close().await;
        because
    }

    /// Why there is no other connection in place of one that was lost, as the end of a sentence.
    pub(crate) fn not_found(&self) -> String {
        let not_found = self.not_found.as_ref();
        not_found.map_or_else(String::new, |error| {
            format!("; not connected again: {error:#}")
        })
    }
}

fn update_sent(results: &mut ResultHandler, pipeline: &SendPipeline) {
    let (sent, dropped) = (pipeline.sent(), pipeline.dropped());
    results.report.update_sent(sent, dropped, Instant::now());
}

/// Gives the watcher the summary as it is now.
fn give_report(results: &mut ResultHandler, pipeline: &SendPipeline) {
    update_sent(results, pipeline);
    results.tell_watcher();
}

fn stream_end(pipeline: &SendPipeline, seconds: f64) -> Message {
    let sent = pipeline.sent();
    Message::StreamEnd(StreamEnd {
        total_sent: sent.frames,
        elapsed_seconds: seconds,
        average_fps: sent.frames as f64 / seconds,
    })
}
