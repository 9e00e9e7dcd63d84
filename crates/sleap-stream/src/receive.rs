//! The loop that waits for the worker, the user and the clock while a stream runs.

use std::time::{Duration, Instant};

use anyhow::Result;
use cli::Interrupt;
use link::{Receiver, Sender};
use protocol::{Message, StreamEnd};
use tokio::time::{MissedTickBehavior, interval};

use crate::answers::Answers;
use crate::handshake;
use crate::outlet::Sent;
use crate::progress::Progress;
use crate::stages::Stages;

/// How long the worker may say nothing at the end of a stream before it is given up.
const COMPLETE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long an interrupted run waits for the answers to what it has sent.
const INTERRUPTED_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a worker may leave frames unanswered before people hear of it.
const SILENCE: Duration = Duration::from_secs(10);

const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// Why the receiving loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Complete,
    /// Ctrl-C, and everything that was sent is answered or given up.
    Interrupted,
    /// Whoever read the predictions has gone, and nobody else wants them.
    NoReader,
    /// The worker said nothing of the end for too long.
    Silent,
    Lost,
}

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
    sender: &'a Sender,
    interrupt: &'a Interrupt,
    progress: Progress,
    state: State,
    /// When the worker last said something.
    heard: Instant,
    warned: bool,
}

impl<'a> Receiving<'a> {
    pub(crate) fn new(
        receiver: Receiver,
        sender: &'a Sender,
        interrupt: &'a Interrupt,
        progress: Progress,
    ) -> Self {
        Self {
            receiver,
            sender,
            interrupt,
            progress,
            state: State::Sending,
            heard: Instant::now(),
            warned: false,
        }
    }

    /// Why the channel is closed, as the end of a sentence.
    pub(crate) fn because(&self) -> String {
        handshake::because(&self.receiver)
    }

    /// Takes answers until the worker has confirmed the end.
    pub(crate) async fn run(&mut self, answers: &mut Answers, stages: &mut Stages) -> Result<End> {
        let mut tick = interval(PROGRESS_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                message = self.receiver.recv() => {
                    self.heard = Instant::now();
                    match (message, self.state) {
                        (Some(Ok(Message::StreamComplete(_))), State::Ended(end, _)) => return Ok(end),
                        (Some(Ok(message)), _) => answers.message(message, stages)?,
                        (Some(Err(error)), _) => answers.unreadable(&error, stages),
                        (None, State::Stopping(end, _)) => return Ok(end),
                        (None, State::Ended(end, _)) if end != End::Complete => return Ok(end),
                        (None, _) => return Ok(End::Lost),
                    }
                }
                // Sent all, or dropped by an encoder that failed: either way there is no more.
                _ = &mut stages.done, if !matches!(self.state, State::Ended(..)) =>
                    self.end(stages.sent(), answers.report.seconds()).await,
                () = self.interrupt.raised(), if self.reason() == End::Complete =>
                    self.stop(End::Interrupted, stages),
                _ = tick.tick() => {
                    if let Some(end) = self.look(answers, stages)? {
                        return Ok(end);
                    }
                }
            }
            if self.state == State::Sending && answers.outputs.nobody_reads() {
                self.stop(End::NoReader, stages);
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
        answers.report.sent = stages.sent();
        answers.report.dropped_at_source = stages.dropped();
        self.progress.update(&answers.report);
        answers.outputs.flush()?;
        let silent = self.heard.elapsed();
        match self.state {
            State::Stopping(end, since) | State::Ended(end, since) if end != End::Complete => {
                return Ok((since.elapsed() > INTERRUPTED_TIMEOUT).then_some(end));
            }
            State::Ended(_, since) if since.elapsed().min(silent) > COMPLETE_TIMEOUT => {
                return Ok(Some(End::Silent));
            }
            _ => {}
        }
        let waiting = stages.oldest_wait().unwrap_or_default();
        if waiting.min(silent) > SILENCE && !self.warned && answers.report.predictions > 0 {
            self.warned = true;
            tracing::warn!(
                seconds = waiting.as_secs(),
                "the worker has stopped answering"
            );
        }
        Ok(None)
    }

    /// Why the stream is ending.
    fn reason(&self) -> End {
        match self.state {
            State::Sending => End::Complete,
            State::Stopping(end, _) | State::Ended(end, _) => end,
        }
    }

    /// Tells the worker that there is no more.
    async fn end(&mut self, sent: Sent, seconds: f64) {
        self.state = State::Ended(self.reason(), Instant::now());
        let end = StreamEnd {
            total_sent: sent.frames,
            elapsed_seconds: seconds,
            average_fps: sent.frames as f64 / seconds,
        };
        // A link that closed meanwhile is the receiver's to report.
        let _ = self.sender.send(Message::StreamEnd(end)).await;
    }

    /// Ends a stream in order that stopped for a reason of this side's, a full disk say.
    pub(crate) async fn leave(&mut self, seconds: f64, stages: &Stages) {
        stages.stop();
        self.progress.finish();
        if !matches!(self.state, State::Ended(..)) {
            self.end(stages.sent(), seconds).await;
        }
    }
}
