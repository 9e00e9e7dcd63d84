//! One stream from source to summary.

use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use cli::{Exit, Interrupt};
use link::{Channel, Receiver, Sender};
use protocol::{Message, Prediction, Skeleton, StreamAck, StreamEnd, StreamStart};
use tokio::sync::{mpsc, watch};
use tokio::time::{MissedTickBehavior, interval, timeout};
use vision::capture::{Capture, Running, SourceInfo};

use crate::args::Config;
use crate::encode::{Captured, Encoder, Form};
use crate::flight::Flight;
use crate::output::{self, Outputs};
use crate::picture::{Picture, Screen};
use crate::pump::{self, Sent};
use crate::queue::{CloseOnDrop, Policy, Queue};
use crate::report::{Progress, Report};
use crate::scale::Scale;
use crate::window::Window;

/// Frames read ahead of the encoder from a file.
const READ_AHEAD: usize = 2;

/// Frames between encoder and answer. A live source gets a short window, so that frames wait at
/// the source, where newer ones replace them; a file gets one that covers the way there and back.
const LIVE_WINDOW: usize = 4;
const FILE_WINDOW: usize = 16;

/// How long a busy worker is asked again: a little more than it takes to notice a dead client.
const BUSY_PATIENCE: Duration = Duration::from_secs(7);
const BUSY_RETRY: Duration = Duration::from_secs(1);

/// How long the worker may say nothing at the end of a stream before it is given up.
const COMPLETE_TIMEOUT: Duration = Duration::from_secs(30);

/// How long an interrupted run waits for the answers to what it has sent.
const INTERRUPTED_TIMEOUT: Duration = Duration::from_secs(5);

const PROGRESS_EVERY: Duration = Duration::from_millis(200);

/// Streams the configured source to its end, or until interrupted.
pub(crate) async fn run(
    config: Config,
    screen: Option<Screen>,
    interrupt: Interrupt,
) -> Result<Exit> {
    // Everything that can be wrong on this side is found out before the worker is bothered.
    let capture = open(&config).await?;
    if let Some(snapshot) = &config.snapshot {
        output::check_free(snapshot, config.overwrite)?;
    }
    let outputs = Outputs::open(&config.outputs, config.overwrite)?;

    let channel = tokio::select! {
        channel = link::connect(&config.signal, config.peer.clone()) =>
            channel.context("no connection to a worker (is a sleap-worker running there?)")?,
        () = interrupt.raised() => return Ok(Exit::Interrupted),
    };
    let Channel {
        sender,
        mut receiver,
    } = channel;
    let info = capture.info().clone();
    let ack = tokio::select! {
        ack = start(&sender, &mut receiver, &config, &info) => ack?,
        () = interrupt.raised() => return Ok(Exit::Interrupted),
    };

    let sent_size = config.resize.unwrap_or((info.width, info.height));
    let run = Run {
        answered: ack.answers || ack.model.is_some(),
        skeleton: ack.skeleton.unwrap_or_default(),
        scale: Scale::new((info.width, info.height), sent_size),
        snapshot: config.snapshot.clone(),
        quiet: config.quiet,
        progress: Progress::start(frames_to_send(&config, &info), config.quiet),
        report: Report::new(Instant::now()),
        outputs,
        screen,
        last: None,
        receiver,
        sender,
        interrupt,
    };
    run.stream(capture, &config).await
}

async fn open(config: &Config) -> Result<Capture> {
    let capture = config.capture.clone();
    tokio::task::spawn_blocking(move || Capture::open(capture))
        .await
        .context("opening the source stopped unexpectedly")?
        .map_err(Into::into)
}

/// Announces the stream and waits for the worker's word that it is ready. A worker whose last
/// client died may not have noticed yet: one that is busy is asked again for a while.
async fn start(
    sender: &Sender,
    receiver: &mut Receiver,
    config: &Config,
    info: &SourceInfo,
) -> Result<StreamAck> {
    let began = Instant::now();
    let announcement = announcement(config, info);
    loop {
        sender
            .send(Message::StreamStart(announcement.clone()))
            .await?;
        let ack = timeout(config.ack_timeout, wait_for_ack(receiver)).await;
        let ack = ack.map_err(|_| {
            anyhow!(
                "the worker did not answer STREAM_START within {} s: it does not speak frame streaming \
                 (a SLEAP-RTC worker without streaming?)",
                config.ack_timeout.as_secs_f64()
            )
        })??;
        let word = ack.message.as_deref();
        match ack.status.as_str() {
            StreamAck::READY => return Ok(ack),
            StreamAck::BUSY if began.elapsed() < BUSY_PATIENCE => {
                tracing::info!("the worker is busy; asking again");
                tokio::time::sleep(BUSY_RETRY).await;
            }
            StreamAck::BUSY => bail!(
                "the worker is busy: {}",
                word.unwrap_or("it serves another client")
            ),
            other => bail!("the worker refuses the stream: {}", word.unwrap_or(other)),
        }
    }
}

async fn wait_for_ack(receiver: &mut Receiver) -> Result<StreamAck> {
    loop {
        match receiver.recv().await {
            Some(Ok(Message::StreamAck(ack))) => return Ok(ack),
            Some(Ok(other)) => tracing::debug!(message = ?other, "not an acknowledgement; ignored"),
            Some(Err(error)) => tracing::warn!(%error, "message ignored"),
            None => bail!(
                "the worker closed the connection before the stream began{}",
                because(receiver)
            ),
        }
    }
}

fn announcement(config: &Config, info: &SourceInfo) -> StreamStart {
    let frames = |count: Option<u64>| {
        count
            .and_then(|count| i64::try_from(count).ok())
            .unwrap_or(-1)
    };
    let (width, height) = config.resize.unwrap_or((info.width, info.height));
    StreamStart {
        source_name: info.name.clone(),
        is_webcam: info.is_live,
        total_frames: frames(info.total_frames),
        frames_to_send: frames(frames_to_send(config, info)),
        sample_rate: config.capture.selection.sample_rate,
        batch_size: config.batch_size,
        fps: config.capture.fps.or(info.fps),
        width,
        height,
        original_width: info.width,
        original_height: info.height,
        jpeg_quality: config.jpeg_quality,
        answers: true,
    }
}

/// How many frames there will be, where that is known.
fn frames_to_send(config: &Config, info: &SourceInfo) -> Option<u64> {
    match (info.frames_to_send, config.max_frames) {
        (Some(there), Some(wanted)) => Some(there.min(wanted)),
        (there, wanted) => there.or(wanted),
    }
}

fn because(receiver: &Receiver) -> String {
    receiver
        .closed_because()
        .map(|reason| format!(" ({reason})"))
        .unwrap_or_default()
}

/// A stream that the worker has acknowledged.
struct Run {
    /// The worker answers each frame: the window counts answers, not buffers.
    answered: bool,
    skeleton: Skeleton,
    scale: Option<Scale>,
    snapshot: Option<PathBuf>,
    quiet: bool,
    progress: Progress,
    report: Report,
    outputs: Outputs,
    screen: Option<Screen>,
    last: Option<Picture>,
    receiver: Receiver,
    sender: Sender,
    interrupt: Interrupt,
}

/// The sending side's moving parts.
struct Stages {
    queue: Arc<Queue<Captured>>,
    window: Arc<Window>,
    flight: Arc<Mutex<Flight>>,
    capture: Running,
    encoder: JoinHandle<Result<()>>,
    pump: tokio::task::JoinHandle<Result<Sent, link::SendError>>,
    sent: watch::Receiver<Sent>,
}

/// Why the receiving loop ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Complete,
    /// Ctrl-C, and everything that was sent is answered or given up.
    Interrupted,
    /// The worker said nothing of the end for too long.
    Silent,
    Lost,
}

impl Run {
    async fn stream(mut self, capture: Capture, config: &Config) -> Result<Exit> {
        let mut stages = self.start_stages(capture, config)?;
        let outcome = self.receive(&mut stages).await;
        stages.queue.cut();
        stages.window.close();
        self.progress.finish();
        // Whatever happened: what was predicted is kept and told.
        self.outputs.flush()?;
        self.report.sent = *stages.sent.borrow();
        self.report.dropped_at_source = stages.queue.dropped();
        if self.answered {
            self.report.unanswered = lock(&stages.flight).unanswered() as u64;
        }
        self.keep_snapshot()?;
        if !self.quiet {
            eprintln!("{}", self.report.summary());
        }
        let end = outcome?;
        if end == End::Lost {
            bail!(
                "the connection to the worker was lost after {} frames{}; {} predictions are kept",
                self.report.sent.frames,
                because(&self.receiver),
                self.report.predictions
            );
        }
        self.sender.clone().close().await;
        stages.finish(&end).await?;
        match end {
            End::Interrupted => Ok(Exit::Interrupted),
            End::Silent => bail!(
                "the worker did not confirm the end of the stream; {} predictions are kept",
                self.report.predictions
            ),
            _ if self.report.unanswered > 0 => {
                bail!("{} frames were not answered", self.report.unanswered)
            }
            _ => Ok(Exit::Done),
        }
    }

    fn start_stages(&self, capture: Capture, config: &Config) -> Result<Stages> {
        let live = capture.info().is_live;
        let queue = Queue::new(if live {
            Policy::Newest
        } else {
            Policy::All {
                capacity: READ_AHEAD,
            }
        });
        let places = if live { LIVE_WINDOW } else { FILE_WINDOW };
        let window = Arc::new(Window::new(match self.answered {
            true => places.max(2 * config.batch_size as usize),
            false => usize::MAX,
        }));
        let flight = Arc::new(Mutex::new(Flight::default()));
        let (out, outgoing) = mpsc::channel(1);
        let encoder = Encoder {
            form: Form {
                resize: config.resize,
                jpeg_quality: config.jpeg_quality,
                batch_size: config.batch_size,
                max_frames: config.max_frames,
                keep_pictures: self.answered && (self.snapshot.is_some() || self.screen.is_some()),
            },
            queue: Arc::clone(&queue),
            window: Arc::clone(&window),
            flight: Arc::clone(&flight),
            out,
        };
        let encoder = std::thread::Builder::new()
            .name("encode".into())
            .spawn(move || encoder.run())
            .context("cannot start the encode thread")?;
        let (totals, sent) = watch::channel(Sent::default());
        let pump = tokio::spawn(pump::run(
            outgoing,
            self.sender.clone(),
            Arc::clone(&flight),
            totals,
        ));
        let capture = capture.start({
            let queue = CloseOnDrop(Arc::clone(&queue));
            move |frame| match queue.0.push(Captured {
                frame,
                at: Instant::now(),
            }) {
                Ok(()) => ControlFlow::Continue(()),
                Err(_) => ControlFlow::Break(()),
            }
        });
        Ok(Stages {
            queue,
            window,
            flight,
            capture,
            encoder,
            pump,
            sent,
        })
    }

    /// Takes answers until the worker has confirmed the end.
    async fn receive(&mut self, stages: &mut Stages) -> Result<End> {
        let mut tick = interval(PROGRESS_EVERY);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut heard = Instant::now();
        let mut ended = false;
        let mut interrupted: Option<Instant> = None;
        loop {
            tokio::select! {
                message = self.receiver.recv() => match message {
                    Some(Ok(Message::StreamComplete(_))) if ended =>
                        return Ok(if interrupted.is_some() { End::Interrupted } else { End::Complete }),
                    Some(Ok(message)) => { heard = Instant::now(); self.message(message, stages)? }
                    Some(Err(error)) => tracing::warn!(%error, "message ignored"),
                    None => return Ok(if interrupted.is_some() { End::Interrupted } else { End::Lost }),
                },
                pumped = &mut stages.pump, if !ended => {
                    ended = true;
                    heard = Instant::now();
                    match pumped.context("sending stopped unexpectedly")? {
                        Ok(sent) => self.end(sent).await,
                        // The receiver hears of a lost link too, with everything that came before.
                        Err(link::SendError::Closed(_)) => {}
                        Err(error) => return Err(error.into()),
                    }
                }
                () = self.interrupt.raised(), if interrupted.is_none() => {
                    interrupted = Some(Instant::now());
                    stages.queue.cut();
                    stages.window.close();
                }
                _ = tick.tick() => {
                    self.report.sent = *stages.sent.borrow();
                    self.progress.update(&self.report);
                    if interrupted.is_some_and(|at| at.elapsed() > INTERRUPTED_TIMEOUT) {
                        return Ok(End::Interrupted);
                    }
                    if ended && heard.elapsed() > COMPLETE_TIMEOUT {
                        return Ok(End::Silent);
                    }
                }
            }
        }
    }

    /// Tells the worker that there is no more.
    async fn end(&mut self, sent: Sent) {
        let end = StreamEnd {
            total_sent: sent.frames,
            elapsed_seconds: self.report.seconds(),
            average_fps: sent.frames as f64 / self.report.seconds(),
        };
        // A link that closed meanwhile is the receiver's to report.
        let _ = self.sender.send(Message::StreamEnd(end)).await;
    }

    fn message(&mut self, message: Message, stages: &Stages) -> Result<()> {
        match message {
            Message::Prediction(prediction) => self.prediction(prediction, stages),
            Message::FrameReceived(received) => {
                self.arrived(received.frame_id, stages);
                Ok(())
            }
            Message::Error(error) => {
                tracing::warn!(frame_id = error.frame_id, reason = %error.message, "the worker could not use a frame");
                if let Some(id) = error.frame_id
                    && self.arrived(id, stages).is_some()
                {
                    self.report.failed += 1;
                }
                Ok(())
            }
            other => {
                tracing::debug!(message = ?other, "ignored");
                Ok(())
            }
        }
    }

    fn arrived(
        &mut self,
        id: protocol::FrameId,
        stages: &Stages,
    ) -> Option<crate::flight::Arrived> {
        let arrived = lock(&stages.flight).arrive(id, Instant::now());
        match &arrived {
            Some(arrived) => {
                stages.window.leave();
                self.report.arrived(arrived);
            }
            None => tracing::debug!(frame_id = id, "an answer to no frame that is on its way"),
        }
        arrived
    }

    fn prediction(&mut self, mut prediction: Prediction, stages: &Stages) -> Result<()> {
        let Some(arrived) = self.arrived(prediction.frame_id, stages) else {
            return Ok(());
        };
        if let Some(scale) = &self.scale {
            scale.apply(&mut prediction);
        }
        self.report.predictions += 1;
        self.report.instances += prediction.instances.len() as u64;
        self.outputs.write(&prediction, arrived.age)?;
        if let Some(image) = arrived.picture {
            let picture = Picture::new(image, prediction, self.skeleton.clone());
            if let Some(screen) = &self.screen {
                screen.show(picture.clone());
            }
            self.last = Some(picture);
        }
        Ok(())
    }

    fn keep_snapshot(&self) -> Result<()> {
        match (&self.snapshot, &self.last) {
            (Some(path), Some(picture)) => picture.save(path),
            (Some(path), None) => {
                tracing::warn!(path = %path.display(), "no picture written: no prediction came back");
                Ok(())
            }
            (None, _) => Ok(()),
        }
    }
}

impl Stages {
    /// Ends all stages and passes on what went wrong in them.
    async fn finish(self, end: &End) -> Result<()> {
        let Stages {
            capture, encoder, ..
        } = self;
        let (captured, encoded) =
            tokio::task::spawn_blocking(move || (capture.join(), encoder.join()))
                .await
                .context("ending the source stopped unexpectedly")?;
        encoded.map_err(|_| anyhow!("the encode thread panicked"))??;
        match captured {
            Ok(summary) => tracing::debug!(?summary, "source ended"),
            // An interrupted read is what was asked for.
            Err(error) if *end == End::Interrupted => tracing::debug!(%error, "source ended"),
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}

fn lock(flight: &Mutex<Flight>) -> std::sync::MutexGuard<'_, Flight> {
    flight.lock().unwrap_or_else(PoisonError::into_inner)
}
