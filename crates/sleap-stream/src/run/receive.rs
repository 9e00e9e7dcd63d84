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
use crate::connect::reconnect::{Dialer, Identity};
use crate::report::progress::Progress;
use crate::run::end::End;
use crate::run::result_watch::AnswerWatch;
use crate::run::results::Answers;
use crate::send::line::Line;
use crate::send::pipeline::{Recovery, Stages};

/// How long the worker may say nothing at the end of a stream before it is given up.
const COMPLETE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long an interrupted run waits for the answers to what it has sent.
const INTERRUPTED_TIMEOUT: Duration = Duration::from_secs(5);

/// After so long without a look this side was held up, asleep say, and has not listened either.
const HELD_UP: Duration = Duration::from_secs(1);

/// How soon frames leave again after an output that was full has room.
const ROOM_EVERY: Duration = Duration::from_millis(20);

const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// How far a stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Sending,
    /// Nothing more is encoded; the stream is to end for this reason.
    Stopping(End, Instant),
    /// STREAM_END is sent; when the worker confirms it, the stream has ended so.
    Ended(End, Instant),
}

/// The loop that waits for the worker, the user and the clock.
pub(crate) struct Receiving<'a> {
    receiver: Receiver,
    sender: Sender,
    line: Arc<Line>,
    dialer: &'a Dialer,
    worker: Identity,
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
    watch: Option<AnswerWatch>,
    /// When this side last looked at the clock.
    looked: Instant,
    /// Since when frames are not answered because the connection is lost, again and again maybe.
    lost_since: Option<Instant>,
    /// Why the worker was not found again.
    not_found: Option<anyhow::Error>,
    /// No frame leaves, since an output is full.
    held: bool,
    told_slow: bool,
}

impl<'a> Receiving<'a> {
    /// `ack`: the worker's word over `channel`, of which `line` has the sending half too. `recovery`:
    /// what becomes of frames without an answer.
    pub(crate) fn new(
        channel: Channel,
        ack: &StreamAck,
        line: Arc<Line>,
        dialer: &'a Dialer,
        recovery: Recovery,
        interrupt: &'a Interrupt,
        progress: Progress,
    ) -> Self {
        let Channel { sender, receiver } = channel;
        Self {
            receiver,
            heartbeat: heartbeat(ack, &sender),
            sender,
            line,
            dialer,
            worker: Identity::of(ack),
            interrupt,
            progress,
            state: State::Sending,
            all_sent: false,
            heard: Instant::now(),
            answered: Instant::now(),
            watch: is_answered(ack).then(|| AnswerWatch::new(dialer, recovery)),
            looked: Instant::now(),
            lost_since: None,
            not_found: None,
            held: false,
            told_slow: false,
        }
    }

    /// Takes answers until the worker has confirmed the end.
    pub(crate) async fn run(&mut self, answers: &mut Answers, stages: &mut Stages) -> Result<End> {
        let mut tick = interval(PROGRESS_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut room = interval(ROOM_EVERY);
        room.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let mut over = None;
            tokio::select! {
                message = self.receiver.recv() => {
                    self.heard = Instant::now();
                    match (message, self.state) {
                        (Some(Ok(Message::StreamComplete(complete))), State::Ended(end, _)) => {
                            answers.complete = Some(complete);
                            return Ok(end);
                        }
                        (Some(Ok(message)), _) => {
                            if let Some(took) = answers.message(message, stages) {
                                self.answered(took, answers);
                            }
                        }
                        (Some(Err(error)), _) => answers.unreadable(&error, stages),
                        (None, State::Stopping(end, _)) => return Ok(end),
                        (None, State::Ended(end, _)) if end != End::Complete => return Ok(end),
                        (None, _) => over = Some(End::Lost),
                    }
                }
                // Sent all, or dropped by an encoder that failed: either way there is no more.
                _ = &mut stages.done, if !self.all_sent => self.all_sent = true,
                () = self.interrupt.raised(), if self.reason() == End::Complete =>
                    self.stop(End::Interrupted, stages),
                _ = tick.tick() => over = self.look(answers, stages)?,
                _ = room.tick(), if self.held => {}
            }
            self.hold(answers, stages);
            if over == Some(End::Lost) {
                over = self.come_back(answers, stages).await?;
            }
            if let Some(end) = over {
                return Ok(end);
            }
            if self.all_sent && self.line.is_up() && !matches!(self.state, State::Ended(..)) {
                self.end(stages, answers.report.seconds()).await;
            }
            if self.state == State::Sending && answers.nobody_is_left() {
                self.stop(End::NoReader, stages);
            }
        }
    }

    /// Lets no new frame leave while an output is full; what is under way still has its place.
    fn hold(&mut self, answers: &Answers, stages: &Stages) {
        let full = !answers.outputs.has_room();
        if full == self.held {
            return;
        }
        self.held = full;
        stages.hold(full);
        if full && !std::mem::replace(&mut self.told_slow, true) {
            tracing::warn!("an output is slower than the poses come: frames wait for it");
        }
    }

    /// A frame was answered so long after the link had taken it.
    fn answered(&mut self, took: Duration, answers: &mut Answers) {
        self.answered = Instant::now();
        self.lost_since = None;
        if let Some(watch) = &mut self.watch {
            watch.answered(took, &mut answers.report);
        }
    }

    /// The connection is lost: goes on over another one, or says how the stream has ended.
    async fn come_back(&mut self, answers: &mut Answers, stages: &Stages) -> Result<Option<End>> {
        // A worker that comes back and is lost before it answers a frame is as good as away.
        let since = *self.lost_since.get_or_insert_with(Instant::now);
        let because = handshake::because(&self.receiver);
        let patience = self.dialer.reconnect_timeout();
        if patience.is_zero() || stages.recovery() == Recovery::Impossible {
            return Ok(Some(End::Lost));
        }
        tracing::warn!(
            "the connection to the worker is lost{because}; looking for it for {} s",
            patience.as_secs_f64()
        );
        let generation = self.line.away();
        self.heartbeat = None;
        // What is stuck in the old connection must not go on.
        tokio::spawn(self.sender.clone().close());
        answers.report.away_since = Some(since);
        let found = self.look_for_worker(since, answers, stages).await;
        answers.report.away_since = None;
        let (channel, ack) = match found? {
            Ok(found) => found,
            Err(end) => return Ok(Some(end)),
        };
        tracing::info!(seconds = %format_args!("{:.1}", since.elapsed().as_secs_f64()), "connected again");
        answers.report.reconnections += 1;
        (self.sender, self.receiver) = (channel.sender, channel.receiver);
        self.heartbeat = heartbeat(&ack, &self.sender);
        self.heard = Instant::now();
        (self.answered, self.looked) = (self.heard, self.heard);
        if let Some(watch) = &mut self.watch {
            watch.restart(&mut answers.report);
        }
        let last = matches!(self.state, State::Ended(..))
            .then(|| stream_end(stages, answers.report.seconds()));
        let given_up = stages.resume(
            Arc::clone(&self.line),
            generation,
            self.sender.clone(),
            last,
        );
        answers.report.lost += given_up as u64;
        Ok(None)
    }

    /// The worker, found again, or why the stream ends without it.
    async fn look_for_worker(
        &mut self,
        since: Instant,
        answers: &mut Answers,
        stages: &Stages,
    ) -> Result<Result<(Channel, StreamAck), End>> {
        let mut tick = interval(PROGRESS_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let dialer = self.dialer;
        let worker = self.worker.clone();
        let found = dialer.find_again(&worker, since);
        tokio::pin!(found);
        loop {
            tokio::select! {
                found = &mut found => return Ok(found.map_err(|error| {
                    self.not_found = Some(error);
                    End::Lost
                })),
                () = self.interrupt.raised() => {
                    stages.stop();
                    return Ok(Err(End::Interrupted));
                }
                _ = tick.tick() => {
                    self.progress.update(&answers.report);
                    answers.check_outputs()?;
                    if answers.nobody_is_left() {
                        return Ok(Err(End::NoReader));
                    }
                }
            }
        }
    }

    fn stop(&mut self, end: End, stages: &Stages) {
        stages.stop();
        let now = Instant::now();
        self.state = match self.state {
            State::Sending | State::Stopping(..) => State::Stopping(end, now),
            State::Ended(..) => State::Ended(end, now),
        };
    }

    /// The clock's part: progress, files, and patience that runs out.
    fn look(&mut self, answers: &mut Answers, stages: &Stages) -> Result<Option<End>> {
        let (sent, dropped) = (stages.sent(), stages.dropped());
        answers.report.look(sent, dropped, Instant::now());
        self.progress.update(&answers.report);
        answers.check_outputs()?;
        let unseen = std::mem::replace(&mut self.looked, Instant::now()).elapsed();
        if unseen > HELD_UP {
            self.heard = self.looked;
        }
        if let Some(watch) = self.watch.as_mut().filter(|_| unseen > PEER_SILENCE) {
            watch.restart(&mut answers.report);
        }
        match self.state {
            State::Stopping(end, since) | State::Ended(end, since) if end != End::Complete => {
                return Ok((since.elapsed() > INTERRUPTED_TIMEOUT).then_some(end));
            }
            State::Ended(_, since) if self.is_unconfirmed(since, stages) => {
                return Ok(Some(End::Silent));
            }
            _ => {}
        }
        let heard = self.heard.max(self.receiver.heard());
        if self.heartbeat.is_some() && heard.elapsed() > PEER_SILENCE {
            tracing::debug!("nothing was heard of the worker");
            return Ok(Some(End::Lost));
        }
        let watch = self.watch.as_mut();
        Ok(watch.and_then(|watch| watch.look(&self.sender, stages, &mut answers.report)))
    }

    /// Whether the worker has taken too long to confirm the end of the stream. While frames wait whose
    /// answers are due first, their deadline counts.
    fn is_unconfirmed(&self, since: Instant, stages: &Stages) -> bool {
        let waits = self.watch.is_some() && stages.waiting() > 0;
        !waits && since.elapsed().min(self.answered.elapsed()) > COMPLETE_TIMEOUT
    }

    /// Why the stream is ending.
    fn reason(&self) -> End {
        match self.state {
            State::Sending => End::Complete,
            State::Stopping(end, _) | State::Ended(end, _) => end,
        }
    }

    /// Tells the worker that there is no more.
    async fn end(&mut self, stages: &Stages, seconds: f64) {
        self.state = State::Ended(self.reason(), Instant::now());
        // A link that closed meanwhile is the receiver's to report.
        let _ = self.sender.send(stream_end(stages, seconds)).await;
    }

    /// Ends a stream in order that stopped for a reason of this side's, a full disk say.
    pub(crate) async fn leave(&mut self, seconds: f64, stages: &Stages) {
        stages.stop();
        self.progress.finish();
        if self.line.is_up() && !matches!(self.state, State::Ended(..)) {
            self.end(stages, seconds).await;
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

fn stream_end(stages: &Stages, seconds: f64) -> Message {
    let sent = stages.sent();
    Message::StreamEnd(StreamEnd {
        total_sent: sent.frames,
        elapsed_seconds: seconds,
        average_fps: sent.frames as f64 / seconds,
    })
}
