//! One client: from STREAM_START to STREAM_COMPLETE, as often as it likes, until it leaves.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use cli::Interrupt;
use link::{Channel, Receiver};
use protocol::{
    BatchEvent, Frame, Limits, Message, Reassembler, Skeleton, StreamAck, StreamComplete,
    StreamStart,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};
use tracing::{debug, info, warn};

use crate::pipeline::{Job, Pipeline, Stopped};

/// Answers that may wait for the data channel before the engine waits for it.
const REPLIES: usize = 64;

/// What all sessions share.
pub(crate) struct Worker {
    pub(crate) ack: StreamAck,
    pub(crate) pipeline: Pipeline,
    /// One stream at a time.
    pub(crate) stream: Arc<Semaphore>,
    pub(crate) limits: Limits,
}

/// Who asked for a frame: where its answer goes and where it is counted.
pub(crate) struct Requester {
    replies: mpsc::Sender<Message>,
    /// Frames are answered even without a model (the client asked for it).
    answers: bool,
    pub(crate) counts: Counts,
}

#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) predictions: AtomicU64,
    pub(crate) failures: AtomicU64,
    pub(crate) saved: AtomicU64,
}

impl Requester {
    /// True once the client has left: its frames need no work any more.
    pub(crate) fn is_gone(&self) -> bool {
        self.replies.is_closed()
    }

    /// Sends an answer, waiting for room. For the pipeline's threads, never for async code.
    pub(crate) fn answer(&self, message: Message) {
        match &message {
            Message::Prediction(_) => self.counts.predictions.fetch_add(1, Relaxed),
            Message::Error(_) => self.counts.failures.fetch_add(1, Relaxed),
            Message::FrameReceived(_) if !self.answers => return,
            _ => 0,
        };
        // A client that left takes no answers; the session notices by itself.
        let _ = self.replies.blocking_send(message);
    }
}

/// The STREAM_ACK of a worker that is free.
pub(crate) fn ready_ack(verification_mode: &str, model: Option<&pose::ModelInfo>) -> StreamAck {
    StreamAck {
        status: "ready".into(),
        verification_mode: verification_mode.into(),
        answers: true,
        worker_version: Some(env!("CARGO_PKG_VERSION").into()),
        model: model.map(|model| protocol::ModelInfo {
            name: model.name.clone(),
            kind: model.kind.to_string(),
            height: model.input.height,
            width: model.input.width,
            channels: model.input.channels,
            device: model.device.clone(),
        }),
        skeleton: model.map(|model| Skeleton {
            name: model.skeleton.name.clone(),
            nodes: model.skeleton.nodes.clone(),
            edges: model.skeleton.edges.clone(),
        }),
        message: None,
    }
}

/// Logs a session's task that did not end by itself.
pub(crate) fn report(ended: Result<(), tokio::task::JoinError>) {
    if let Err(error) = ended {
        tracing::error!(%error, "a client's session stopped unexpectedly");
    }
}

/// Serves one client until it leaves or the worker is interrupted.
pub(crate) async fn run(worker: Arc<Worker>, channel: Channel, interrupt: Interrupt) {
    let Channel {
        sender,
        mut receiver,
    } = channel;
    let (replies, mut outbox) = mpsc::channel(REPLIES);
    let forward = tokio::spawn({
        let sender = sender.clone();
        async move {
            while let Some(message) = outbox.recv().await {
                if sender.send(message).await.is_err() {
                    return;
                }
            }
        }
    });
    let session = Session {
        reassembler: Reassembler::new(worker.limits.clone()),
        worker,
        replies,
        stream: None,
        frame_started: None,
        frames_without_stream: 0,
    };
    session.serve(&mut receiver, &interrupt).await;
    // All senders of the outbox are gone with the session and its frames; what was answered leaves.
    if interrupt.is_raised() {
        let _ = forward.await;
        let _ = sender.flush().await;
    } else {
        forward.abort();
    }
    sender.close().await;
}

struct Session {
    worker: Arc<Worker>,
    reassembler: Reassembler,
    replies: mpsc::Sender<Message>,
    stream: Option<Stream>,
    frame_started: Option<Instant>,
    frames_without_stream: u64,
}

/// A stream that was acknowledged.
struct Stream {
    requester: Arc<Requester>,
    started: Instant,
    frames: u64,
    bytes: u64,
    dropped: u64,
    _permit: OwnedSemaphorePermit,
}

impl Session {
    async fn serve(mut self, receiver: &mut Receiver, interrupt: &Interrupt) {
        loop {
            let message = tokio::select! {
                message = receiver.recv() => message,
                () = interrupt.raised() => break,
            };
            let outcome = match message {
                Some(Ok(message)) => self.message(message).await,
                Some(Err(error)) => {
                    self.unreadable(&error).await;
                    Ok(())
                }
                None => break,
            };
            if outcome.is_err() {
                break;
            }
        }
        self.leave(receiver, interrupt).await;
    }

    async fn leave(&mut self, receiver: &Receiver, interrupt: &Interrupt) {
        if let Some(dropped) = self.reassembler.reset() {
            debug!(reason = %dropped.reason, "half a frame dropped");
        }
        let Some(stream) = self.stream.take() else {
            return;
        };
        // A batch that its client will not close any more must not hold up the next one's frames.
        let _ = self.worker.pipeline.batch_ended().await;
        if interrupt.is_raised() {
            let _ = self.worker.pipeline.flush().await;
        }
        stream.log(match receiver.closed_because() {
            Some(reason) => format!("client left before the end ({reason})"),
            None => "stream cut off".into(),
        });
    }

    async fn message(&mut self, message: Message) -> Result<(), Stopped> {
        if matches!(message, Message::FrameMeta(_)) {
            self.frame_started = Some(Instant::now());
        }
        let pushed = self.reassembler.push(message);
        if let Some(dropped) = pushed.dropped {
            debug!(frame_id = dropped.frame_id, reason = %dropped.reason, "frame dropped");
            self.dropped(dropped).await;
        }
        if let Some(event) = pushed.batch {
            self.batch(event).await?;
        }
        if let Some(frame) = pushed.frame {
            self.frame(frame).await?;
        }
        match pushed.other {
            Some(message) => self.control(message).await,
            None => Ok(()),
        }
    }

    /// A message that cannot be read costs at most the frame it belongs to.
    async fn unreadable(&mut self, error: &protocol::DecodeError) {
        warn!(%error, "message refused");
        if let Some(dropped) = self.reassembler.push_error(error) {
            self.dropped(dropped).await;
        }
        if let (Some(frame_id), Some(stream)) = (error.frame_id(), &mut self.stream) {
            stream.dropped += 1;
            let _ = self
                .replies
                .send(crate::engine::failure(frame_id, error.to_string()))
                .await;
        }
    }

    async fn frame(&mut self, frame: Frame) -> Result<(), Stopped> {
        let received_at = Instant::now();
        let receive = self
            .frame_started
            .take()
            .map_or_else(Default::default, |started| {
                received_at.saturating_duration_since(started)
            });
        let Some(stream) = &mut self.stream else {
            self.frames_without_stream += 1;
            if self.frames_without_stream == 1 {
                warn!("frames came without a stream that was acknowledged; they are ignored");
            }
            return Ok(());
        };
        stream.frames += 1;
        stream.bytes += frame.meta.nbytes;
        let requester = Arc::clone(&stream.requester);
        self.worker
            .pipeline
            .frame(Job {
                frame,
                receive,
                received_at,
                requester,
            })
            .await
    }

    /// A frame that could not be put together gets its answer too, so that the client can account for it.
    async fn dropped(&mut self, dropped: protocol::Dropped) {
        let Some(stream) = &mut self.stream else {
            return;
        };
        stream.dropped += 1;
        if let Some(frame_id) = dropped.frame_id {
            let error = crate::engine::failure(frame_id, dropped.reason.to_string());
            let _ = self.replies.send(error).await;
        }
    }

    async fn batch(&mut self, event: BatchEvent) -> Result<(), Stopped> {
        if self.stream.is_none() {
            return Ok(());
        }
        if !matches!(event, BatchEvent::Started { .. }) && !event.is_complete() {
            debug!(batch = ?event, "batch does not hold what it declared; its frames are used");
        }
        let pipeline = &self.worker.pipeline;
        match event {
            BatchEvent::Started { .. } => pipeline.batch_started().await,
            BatchEvent::Abandoned { .. } => {
                pipeline.batch_ended().await?;
                pipeline.batch_started().await
            }
            // The batch goes on: its frames are worth no less for being more than declared.
            BatchEvent::Overfull { .. } => Ok(()),
            _ => pipeline.batch_ended().await,
        }
    }

    async fn control(&mut self, message: Message) -> Result<(), Stopped> {
        match message {
            Message::StreamStart(start) => self.start(start).await,
            Message::StreamEnd(end) => {
                debug!(total_sent = end.total_sent, "client has sent everything");
                self.end().await?;
            }
            Message::KeepAlive => {}
            other => debug!(message = ?other, "not for a streaming worker; ignored"),
        }
        Ok(())
    }

    async fn start(&mut self, start: StreamStart) {
        // A client that starts again without an end has given up the stream before.
        if let Some(stream) = self.stream.take() {
            stream.log("stream restarted by its client".into());
        }
        let ack = match Arc::clone(&self.worker.stream).try_acquire_owned() {
            Ok(permit) => {
                info!(
                    source = %start.source_name,
                    size = %format_args!("{}x{}", start.width, start.height),
                    jpeg_quality = start.jpeg_quality,
                    frames = start.frames_to_send,
                    "stream starts"
                );
                self.stream = Some(Stream {
                    requester: Arc::new(Requester {
                        replies: self.replies.clone(),
                        answers: start.answers,
                        counts: Counts::default(),
                    }),
                    started: Instant::now(),
                    frames: 0,
                    bytes: 0,
                    dropped: 0,
                    _permit: permit,
                });
                self.worker.ack.clone()
            }
            Err(_) => {
                info!(source = %start.source_name, "client told that the worker is busy");
                StreamAck {
                    status: "busy".into(),
                    message: Some("another client is streaming".into()),
                    ..self.worker.ack.clone()
                }
            }
        };
        let _ = self.replies.send(Message::StreamAck(ack)).await;
    }

    async fn end(&mut self) -> Result<(), Stopped> {
        let Some(stream) = self.stream.take() else {
            return Ok(());
        };
        self.worker.pipeline.flush().await?;
        let complete = stream.complete();
        stream.log("stream complete".into());
        // The permit goes back before the client hears of the end: it may start anew at once.
        drop(stream);
        let _ = self.replies.send(Message::StreamComplete(complete)).await;
        Ok(())
    }
}

impl Stream {
    fn complete(&self) -> StreamComplete {
        let elapsed = self.started.elapsed().as_secs_f64();
        StreamComplete {
            frames_received: self.frames,
            frames_saved: self.requester.counts.saved.load(Relaxed),
            elapsed_seconds: elapsed,
            average_fps: if elapsed > 0.0 {
                self.frames as f64 / elapsed
            } else {
                0.0
            },
            frames_dropped: Some(self.dropped),
            predictions: Some(self.requester.counts.predictions.load(Relaxed)),
        }
    }

    fn log(&self, what: String) {
        let complete = self.complete();
        info!(
            frames = self.frames,
            predictions = self.requester.counts.predictions.load(Relaxed),
            failed = self.requester.counts.failures.load(Relaxed),
            dropped = self.dropped,
            saved = complete.frames_saved,
            fps = %format_args!("{:.1}", complete.average_fps),
            megabytes_per_s = %format_args!("{:.1}", self.bytes as f64 / 1e6 / complete.elapsed_seconds.max(1e-9)),
            "{what}"
        );
    }
}
