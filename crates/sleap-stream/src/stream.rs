//! One stream from source to summary.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use cli::{Exit, Interrupt};
use link::{Channel, Receiver, Sender};
use protocol::{Message, StreamAck, StreamEnd};
use tokio::time::{MissedTickBehavior, interval};
use vision::capture::{Capture, SourceInfo};
use vision::viewer::{Picture, Screen};

use crate::answers::Answers;
use crate::args::Config;
use crate::encode::Form;
use crate::handshake::{self, because, frames_to_send};
use crate::outlet::Sent;
use crate::output::{self, Outputs};
use crate::report::Progress;
use crate::scale::Scale;
use crate::stages::Stages;

/// How long the worker may say nothing at the end of a stream before it is given up.
const COMPLETE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long an interrupted run waits for the answers to what it has sent.
const INTERRUPTED_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a worker may leave frames unanswered before people hear of it.
const SILENCE: Duration = Duration::from_secs(10);

const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// Streams the configured source to its end, or until interrupted.
pub(crate) async fn run(
    config: Config,
    screen: Option<Screen>,
    interrupt: Interrupt,
) -> Result<Exit> {
    // Everything that can be wrong on this side is found out before the worker is bothered.
    for file in config.outputs.iter().chain(&config.snapshot) {
        output::check_free(file, config.overwrite)?;
    }
    let capture = tokio::select! {
        capture = open(&config) => capture?,
        () = interrupt.raised() => return Ok(Exit::Interrupted),
    };
    let channel = tokio::select! {
        channel = link::connect(&config.signal, config.peer.clone()) =>
            channel.context("no connection to a worker (is a sleap-worker running there?)")?,
        () = interrupt.raised() => return Ok(Exit::Interrupted),
    };
    let Channel { sender, receiver } = channel;
    let outcome = stream(&config, capture, screen, &sender, receiver, &interrupt).await;
    // Whatever the outcome: the worker hears that this client is gone, and is free.
    sender.close().await;
    outcome
}

async fn open(config: &Config) -> Result<Capture> {
    let capture = config.capture.clone();
    tokio::task::spawn_blocking(move || Capture::open(capture))
        .await
        .context("opening the source stopped unexpectedly")?
        .map_err(Into::into)
}

/// Streams over an open channel.
async fn stream(
    config: &Config,
    capture: Capture,
    screen: Option<Screen>,
    sender: &Sender,
    mut receiver: Receiver,
    interrupt: &Interrupt,
) -> Result<Exit> {
    let info = capture.info().clone();
    let ack = tokio::select! {
        ack = handshake::start(sender, &mut receiver, config, &info) => ack?,
        () = interrupt.raised() => return Ok(Exit::Interrupted),
    };
    // Only now, so that a run that never began leaves no file and replaces none.
    let outputs = Outputs::open(&config.outputs, config.overwrite)?;
    let answered = ack.answers || ack.model.is_some();
    let sent_size = config.resize.unwrap_or((info.width, info.height));
    let scale = Scale::new((info.width, info.height), sent_size);
    let form = form(config, &info, screen.is_some());
    let mut answers = Answers::new(outputs, screen, scale, ack_skeleton(ack));
    let mut stages = Stages::start(capture, form, answered, sender.clone())?;
    let mut run = Run {
        receiver,
        sender,
        interrupt,
        progress: Progress::start(frames_to_send(config, &info), config.quiet),
        state: State::Sending,
        heard: Instant::now(),
        warned: false,
    };
    let outcome = run.receive(&mut answers, &mut stages).await;
    run.leave(answers.report.seconds(), &stages).await;
    let unanswered = if answered {
        stages.flight().unanswered()
    } else {
        0
    };
    answers.report.sent = stages.sent();
    answers.report.dropped_at_source = stages.dropped();
    answers.report.unanswered = unanswered as u64;
    let source = stages.finish().await;

    // What was predicted is kept and told before anything that went wrong.
    let flushed = answers.outputs.flush();
    let pictured = keep_snapshot(config.snapshot.as_deref(), answers.last.as_ref());
    run.progress.finish();
    if !config.quiet {
        eprintln!("{}", answers.report.summary());
    }
    let end = outcome?;
    flushed?;
    verdict(end, &answers, &run.receiver)?;
    if let Err(error) = source?
        && end != End::Interrupted
    {
        return Err(error.into());
    }
    pictured?;
    Ok(match end {
        End::Interrupted => Exit::Interrupted,
        _ => Exit::Done,
    })
}

fn ack_skeleton(ack: StreamAck) -> protocol::Skeleton {
    ack.skeleton.unwrap_or_default()
}

fn form(config: &Config, info: &SourceInfo, window: bool) -> Form {
    Form {
        resize: config.resize,
        jpeg_quality: config.jpeg_quality,
        batch_size: config.batch_size,
        frames: frames_to_send(config, info),
        max_frames: config.max_frames,
        keep_pictures: window || config.snapshot.is_some(),
    }
}

/// What an ended stream amounts to.
fn verdict(end: End, answers: &Answers, receiver: &Receiver) -> Result<()> {
    let report = &answers.report;
    let kept = report.predictions;
    match end {
        End::Interrupted | End::NoReader => Ok(()),
        End::Lost => bail!(
            "the connection to the worker was lost after {} frames{}; {kept} predictions are kept",
            report.sent.frames,
            because(receiver),
        ),
        End::Silent => {
            bail!("the worker did not confirm the end of the stream; {kept} predictions are kept")
        }
        End::Complete if report.unanswered > 0 => {
            bail!("{} frames were not answered", report.unanswered)
        }
        End::Complete if report.failed > 0 && report.failed == report.sent.frames => bail!(
            "the worker could use none of the frames: {}",
            answers.last_failure.as_deref().unwrap_or("no reason given")
        ),
        End::Complete => Ok(()),
    }
}

fn keep_snapshot(path: Option<&Path>, last: Option<&Picture>) -> Result<()> {
    match (path, last) {
        (Some(path), Some(picture)) => {
            let drawn = picture.draw().context("cannot draw the poses")?;
            vision::png::write(path, &drawn)
                .with_context(|| format!("cannot write the picture {}", path.display()))
        }
        (Some(path), None) => {
            tracing::warn!(path = %path.display(), "no picture written: no frame came back");
            Ok(())
        }
        (None, _) => Ok(()),
    }
}

/// Why the receiving loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
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
struct Run<'a> {
    receiver: Receiver,
    sender: &'a Sender,
    interrupt: &'a Interrupt,
    progress: Progress,
    state: State,
    /// When the worker last said something.
    heard: Instant,
    warned: bool,
}

impl Run<'_> {
    /// Takes answers until the worker has confirmed the end.
    async fn receive(&mut self, answers: &mut Answers, stages: &mut Stages) -> Result<End> {
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
                () = self.interrupt.raised(), if self.state == State::Sending =>
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
        self.state = State::Stopping(end, Instant::now());
    }

    /// The clock's part: progress, files, and patience that runs out.
    fn look(&mut self, answers: &mut Answers, stages: &Stages) -> Result<Option<End>> {
        answers.report.sent = stages.sent();
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
        let waiting = stages
            .flight()
            .oldest_wait(Instant::now())
            .unwrap_or_default();
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
    async fn leave(&mut self, seconds: f64, stages: &Stages) {
        stages.stop();
        if !matches!(self.state, State::Ended(..)) {
            self.end(stages.sent(), seconds).await;
        }
    }
}
