//! The loop that waits for the worker, the user and the clock while a stream runs.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use cli::Interrupt;
use link::{Channel, Receiver, Sender};
use protocol::{Message, PEER_SILENCE, StreamAck, StreamEnd};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::task::AbortOnDropHandle;

use crate::connect::handshake::{self, is_answered};
use crate::connect::heartbeat::heartbeat;
use crate::connect::reconnect::{Reconnector, WorkerIdentity};
use crate::report::progress::Progress;
use crate::run::end::ReceiveEnd;
use crate::run::result_watch::ResultWatch;
use crate::run::results::ResultHandler;
use crate::send::pipeline::SendPipeline;
use crate::send::plan::Recovery;
use crate::send::uplink::UplinkControl;

/// How long the worker may say nothing at the end of a stream before it is given up.
const COMPLETE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long an interrupted run waits for the answers to what it has sent.
const INTERRUPT_TIMEOUT: Duration = Duration::from_secs(5);

/// After so long without a look this side was held up, asleep say, and has not listened either.
const HELD_UP: Duration = Duration::from_secs(1);

/// How soon frames leave again after an output that was full has room.
const ROOM_CHECK_INTERVAL: Duration = Duration::from_millis(20);

const PROGRESS_INTERVAL: Duration = Duration::from_millis(200);

/// How far a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
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
    /// Tells the worker that this side is there; `None` where the worker does not want it.
    heartbeat: Option<AbortOnDropHandle<()>>,
    interrupt: &'a Interrupt,
    progress: Progress,
    state: State,
    /// Everything was sent that will be.
    all_sent: bool,
    /// When the worker last said something, be it that it is there.
    heard: Instant,
    /// When it last answered a frame.
    answered: Instant,
    /// Watches over answers; `None` where the worker does not answer each frame.
    watch: Option<ResultWatch>,
    /// When this side last looked at the clock.
    last_check: Instant,
    /// Since when frames are not answered because the connection is lost, again and again maybe.
    lost_since: Option<Instant>,
    /// Why the worker was not found again.
    not_found: Option<anyhow::Error>,
    /// No frame leaves, since an output is full.
    held: bool,
    warned_slow: bool,
}

impl<'a> ReceiveLoop<'a> {
    /// `ack`: the worker's word over `channel`, of which `line` has the sending half too. `recovery`:
    /// what becomes of frames without an answer.
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
            heartbeat: heartbeat(ack, &sender),
            sender,
            uplink,
            reconnector,
            worker: WorkerIdentity::of(ack),
            interrupt,
            progress,
            state: State::Sending,
            all_sent: false,
            heard: Instant::now(),
            answered: Instant::now(),
            watch: is_answered(ack).then(|| ResultWatch::new(reconnector, recovery)),
            last_check: Instant::now(),
            lost_since: None,
            not_found: None,
            held: false,
            warned_slow: false,
        }
    }

    /// Takes answers until the worker has confirmed the end.
    pub(crate) async fn run(
        &mut self,
        results: &mut ResultHandler,
        pipeline: &mut SendPipeline,
    ) -> Result<ReceiveEnd> {
        let mut tick = interval(PROGRESS_INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut room = interval(ROOM_CHECK_INTERVAL);
        room.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let mut over = None;
            tokio::select! {
                message = self.receiver.recv() => {
                    self.heard = Instant::now();
                    match (message, self.state) {
                        (Some(Ok(Message::StreamComplete(complete))), State::Ended(end, _)) => {
                            results.complete = Some(complete);
                            return Ok(end);
                        }
                        (Some(Ok(message)), _) => {
                            if let Some(took) = results.message(message, pipeline) {
                                self.answered(took, results);
                            }
                        }
                        (Some(Err(error)), _) => results.unreadable(&error, pipeline),
                        (None, State::Stopping(end, _)) => return Ok(end),
                        (None, State::Ended(end, _)) if end != ReceiveEnd::Complete => return Ok(end),
                        (None, _) => over = Some(ReceiveEnd::Lost),
                    }
                }
                // Sent all, or dropped by an encoder that failed: either way there is no more.
                _ = &mut pipeline.done, if !self.all_sent => self.all_sent = true,
                () = self.interrupt.raised(), if self.reason() == ReceiveEnd::Complete =>
                    self.stop(ReceiveEnd::Interrupted, pipeline),
                _ = tick.tick() => over = self.check(results, pipeline)?,
                _ = room.tick(), if self.held => {}
            }
            self.hold(results, pipeline);
            if over == Some(ReceiveEnd::Lost) {
                over = self.come_back(results, pipeline).await?;
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
            if self.state == State::Sending && results.nobody_is_left() {
                self.stop(ReceiveEnd::NoReader, pipeline);
            }
        }
    }

    /// Lets no new frame leave while an output is full; what is under way still has its place.
    fn hold(&mut self, results: &ResultHandler, pipeline: &SendPipeline) {
        let full = !results.outputs.has_room();
        if full == self.held {
            return;
        }
        self.held = full;
        pipeline.hold(full);
        if full && !std::mem::replace(&mut self.warned_slow, true) {
            tracing::warn!("an output is slower than the poses come: frames wait for it");
        }
    }

    /// A frame was answered so long after the link had taken it.
    fn answered(&mut self, took: Duration, results: &mut ResultHandler) {
        self.answered = Instant::now();
        self.lost_since = None;
        if let Some(watch) = &mut self.watch {
            watch.answered(took, &mut results.report);
        }
    }

    /// The connection is lost: goes on over another one, or says how the stream has ended.
    async fn come_back(
        &mut self,
        results: &mut ResultHandler,
        pipeline: &SendPipeline,
    ) -> Result<Option<ReceiveEnd>> {
        // A worker that comes back and is lost before it answers a frame is as good as away.
        let since = *self.lost_since.get_or_insert_with(Instant::now);
        let because = handshake::because(&self.receiver);
        let patience = self.reconnector.reconnect_timeout();
        if patience.is_zero() || pipeline.recovery() == Recovery::Impossible {
            return Ok(Some(ReceiveEnd::Lost));
        }
        tracing::warn!(
            "the connection to the worker is lost{because}; looking for it for {} s",
            patience.as_secs_f64()
        );
        let connection = self.uplink.lost();
        self.heartbeat = None;
        // What is stuck in the old connection must not go on.
        tokio::spawn(self.sender.clone().close());
        results.report.away_since = Some(since);
        let found = self.look_for_worker(since, results, pipeline).await;
        results.report.away_since = None;
        let (channel, ack) = match found? {
            Ok(found) => found,
            Err(end) => return Ok(Some(end)),
        };
        tracing::info!(seconds = %format_args!("{:.1}", since.elapsed().as_secs_f64()), "connected again");
        results.report.reconnections += 1;
        (self.sender, self.receiver) = (channel.sender, channel.receiver);
        self.heartbeat = heartbeat(&ack, &self.sender);
        self.heard = Instant::now();
        (self.answered, self.last_check) = (self.heard, self.heard);
        if let Some(watch) = &mut self.watch {
            watch.restart(&mut results.report);
        }
        let last = matches!(self.state, State::Ended(..))
            .then(|| stream_end(pipeline, results.report.seconds()));
        let given_up = pipeline.resume(
            Arc::clone(&self.uplink),
            connection,
            self.sender.clone(),
            last,
        );
        results.report.lost += given_up as u64;
        Ok(None)
    }

    /// The worker, found again, or why the stream ends without it.
    async fn look_for_worker(
        &mut self,
        since: Instant,
        results: &mut ResultHandler,
        pipeline: &SendPipeline,
    ) -> Result<Result<(Channel, StreamAck), ReceiveEnd>> {
        let mut tick = interval(PROGRESS_INTERVAL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let reconnector = self.reconnector;
        let worker = self.worker.clone();
        let found = reconnector.find_again(&worker, since);
        tokio::pin!(found);
        loop {
            tokio::select! {
                found = &mut found => return Ok(found.map_err(|error| {
                    self.not_found = Some(error);
                    ReceiveEnd::Lost
                })),
                () = self.interrupt.raised() => {
                    pipeline.stop();
                    return Ok(Err(ReceiveEnd::Interrupted));
                }
                _ = tick.tick() => {
                    self.progress.update(&results.report);
                    results.check_outputs()?;
                    if results.nobody_is_left() {
                        return Ok(Err(ReceiveEnd::NoReader));
                    }
                }
            }
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

    /// The clock's part: progress, files, and patience that runs out.
    fn check(
        &mut self,
        results: &mut ResultHandler,
        pipeline: &SendPipeline,
    ) -> Result<Option<ReceiveEnd>> {
        let (sent, dropped) = (pipeline.sent(), pipeline.dropped());
        results.report.update_sent(sent, dropped, Instant::now());
        self.progress.update(&results.report);
        results.check_outputs()?;
        let unseen = std::mem::replace(&mut self.last_check, Instant::now()).elapsed();
        if unseen > HELD_UP {
            self.heard = self.last_check;
        }
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
        let heard = self.heard.max(self.receiver.heard());
        if self.heartbeat.is_some() && heard.elapsed() > PEER_SILENCE {
            tracing::debug!("nothing was heard of the worker");
            return Ok(Some(ReceiveEnd::Lost));
        }
        let watch = self.watch.as_mut();
        Ok(watch.and_then(|watch| watch.check(&self.sender, pipeline, &mut results.report)))
    }

    /// Whether the worker has taken too long to confirm the end of the stream. While frames wait whose
    /// answers are due first, their deadline counts.
    fn is_unconfirmed(&self, since: Instant, pipeline: &SendPipeline) -> bool {
        let waits = self.watch.is_some() && pipeline.waiting() > 0;
        !waits && since.elapsed().min(self.answered.elapsed()) > COMPLETE_TIMEOUT
    }

    /// Why the stream is ending.
    fn reason(&self) -> ReceiveEnd {
        match self.state {
            State::Sending => ReceiveEnd::Complete,
            State::Stopping(end, _) | State::Ended(end, _) => end,
        }
    }

    /// Tells the worker that there is no more.
    async fn end(&mut self, pipeline: &SendPipeline, seconds: f64) {
        self.state = State::Ended(self.reason(), Instant::now());
        // A link that closed meanwhile is the receiver's to report.
        let _ = self.sender.send(stream_end(pipeline, seconds)).await;
    }

    /// Ends a stream in order that stopped for a reason of this side's, a full disk say.
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

fn stream_end(pipeline: &SendPipeline, seconds: f64) -> Message {
    let sent = pipeline.sent();
    Message::StreamEnd(StreamEnd {
        total_sent: sent.frames,
        elapsed_seconds: seconds,
        average_fps: sent.frames as f64 / seconds,
    })
}
