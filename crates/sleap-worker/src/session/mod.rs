//! The session of one client: streams from STREAM_START to STREAM_COMPLETE, one after the other, and files.

mod frame_memory;
mod losses;
mod opening;
mod rules;
mod run;
mod stream;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Instant;

use link::{CloseReason, Receiver, Sender};
use protocol::{
    BatchEvent, Frame, HEARTBEAT, Limits, Message, PEER_SILENCE, Reassembler, StreamAck,
    StreamStart,
};
use tokio::sync::mpsc;
use tracing::{debug, info, warn};

pub(crate) use frame_memory::FrameMemory;
pub(crate) use run::{report, run};

use crate::admission::ClientSlot;
use crate::files::{FileService, UploadSession};
use crate::metrics::{FrameLoss, Metrics, StreamEndReason};
use crate::pipeline::{FrameJob, ModelRate, Pipeline, PipelineStopped, PipelineStream};
use crate::streams::{ServedStreams, StreamSlots, WorkerTracking};
use frame_memory::OWN_BYTES;
use stream::Stream;

/// What the sessions of a worker share.
pub(crate) struct SessionContext {
    /// The STREAM_ACK while the worker is free.
    pub(crate) ack: Arc<StreamAck>,
    pub(crate) pipeline: Arc<Pipeline>,
    pub(crate) slots: StreamSlots,
    /// The streams that are served, for what shows them.
    pub(crate) served: ServedStreams,
    pub(crate) metrics: Metrics,
    pub(crate) files: Arc<FileService>,
    /// What tells animals apart.
    pub(crate) tracking: WorkerTracking,
    /// How fast the model is, and what each live stream gets of it at least.
    pub(crate) rate: ModelRate,
    pub(crate) least_rate: f64,
    /// Whether streams are taken at all.
    pub(crate) takes_streams: bool,
    /// The largest messages that are taken from a client.
    pub(crate) limits: Limits,
    /// For frames of streams of which parts have arrived.
    pub(crate) frame_memory: FrameMemory,
}

/// Why a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SessionEnd {
    /// The client closed the channel or is lost.
    Closed,
    /// Its heartbeat has stopped.
    HeartbeatLost,
    /// It never asked for a stream.
    NoStream,
    /// Another client needs its slot, or the client itself has reconnected.
    Evicted,
    /// The worker is about to end.
    Interrupted,
    /// The worker cannot go on.
    Stopped,
}

impl SessionEnd {
    /// The channel is closed for this reason.
    fn of(closed: Option<CloseReason>) -> Self {
        match closed {
            Some(CloseReason::Silent) => Self::HeartbeatLost,
            _ => Self::Closed,
        }
    }
}

struct Session {
    context: Arc<SessionContext>,
    client: Arc<ClientSlot>,
    reassembler: Reassembler,
    replies: mpsc::Sender<Message>,
    /// The uploads of this client.
    uploads: UploadSession,
    state: State,
    frame_started: Option<Instant>,
    /// The client has asked for a stream or a file.
    has_asked: bool,
    frames_without_stream: u64,
    /// Messages that could not be read since the last STREAM_START.
    unreadable: u64,
}

enum State {
    Idle,
    /// The client has been refused because the worker is busy. Some clients do not wait for the STREAM_ACK: their
    /// stream begins with the first frame for which the worker is free.
    Refused {
        start: StreamStart,
        frames: u64,
    },
    Streaming(Stream),
}

impl Session {
    fn new(
        context: Arc<SessionContext>,
        replies: mpsc::Sender<Message>,
        client: Arc<ClientSlot>,
    ) -> Self {
        let files = Arc::clone(&context.files);
        Self {
            reassembler: Reassembler::new(context.limits.clone()),
            uploads: UploadSession::new(files, replies.clone(), Arc::clone(&client)),
            context,
            client,
            replies,
            state: State::Idle,
            frame_started: None,
            has_asked: false,
            frames_without_stream: 0,
            unreadable: 0,
        }
    }

    /// Serves messages to the end of the channel. May be cancelled where the session ends.
    async fn serve(&mut self, sender: &Sender, receiver: &mut Receiver) -> SessionEnd {
        let no_request = tokio::time::sleep(run::FIRST_REQUEST_TIMEOUT);
        tokio::pin!(no_request);
        let slots = self.context.slots.clone();
        let closing = slots.closed();
        tokio::pin!(closing);
        let mut is_told = false;
        loop {
            let beats = matches!(&self.state, State::Streaming(stream) if stream.has_heartbeat());
            receiver.set_silence_limit(beats.then_some(PEER_SILENCE));
            sender.set_keep_alive(match beats {
                true => Some(HEARTBEAT),
                false => self.uploads.keep_alive_interval(),
            });
            let message = tokio::select! {
                biased;
                () = &mut closing, if !is_told => {
                    is_told = true;
                    self.drains().await;
                    continue;
                }
                message = receiver.recv() => message,
                () = net::due(self.uploads.overdue()) => {
                    self.uploads.expire().await;
                    continue;
                }
                () = &mut no_request, if !self.has_asked => return SessionEnd::NoStream,
            };
            let outcome = match message {
                Some(Ok(message)) => {
                    if matches!(message, Message::FrameMeta(_)) {
                        let began = receiver.frame_began();
                        self.frame_started = Some(began.unwrap_or_else(Instant::now));
                    }
                    self.message(message).await
                }
                Some(Err(error)) => {
                    self.unreadable(&error).await;
                    Ok(())
                }
                None => return SessionEnd::of(receiver.closed_because()),
            };
            if outcome.is_err() {
                return SessionEnd::Stopped;
            }
        }
    }

    /// Ends the stream and the upload. An interrupted worker first returns the results of all frames.
    async fn leave(&mut self, end: SessionEnd, reason: Option<CloseReason>) {
        self.uploads.leave(reason);
        if let Some(dropped) = self.reassembler.reset() {
            debug!(reason = %dropped.reason, "partial frame dropped");
            self.context.metrics.dropped(&dropped.reason);
        }
        let State::Streaming(stream) = std::mem::replace(&mut self.state, State::Idle) else {
            match end {
                SessionEnd::NoStream => info!("a client that asks for nothing is disconnected"),
                SessionEnd::Evicted => {
                    info!("an idle client is disconnected: another one needs its place")
                }
                _ => {}
            }
            return;
        };
        stream.ends(match end {
            SessionEnd::Closed | SessionEnd::NoStream => StreamEndReason::ClientLeft,
            SessionEnd::HeartbeatLost => StreamEndReason::ClientMute,
            SessionEnd::Evicted => StreamEndReason::TakenOver,
            SessionEnd::Interrupted => StreamEndReason::Interrupted,
            SessionEnd::Stopped => StreamEndReason::Failed,
        });
        if end != SessionEnd::Interrupted {
            stream.route.cut_off();
        }
        // A pipeline that has stopped is reported once, elsewhere.
        let _ = stream.pipeline.ended().await;
        if end == SessionEnd::Interrupted {
            let _ = stream.pipeline.flush().await;
        }
        match reason {
            Some(reason) => stream.log(&format!("client left before the end ({reason})")),
            None => stream.log("stream cut off"),
        }
    }

    async fn message(&mut self, message: Message) -> Result<(), PipelineStopped> {
        let message = match message {
            Message::Chunk(chunk) if self.chunks_are_of_a_file() => {
                let streams = self.is_streaming();
                self.uploads.bytes(chunk, streams).await;
                return Ok(());
            }
            message => message,
        };
        self.bound_waiting(&message).await;
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

    /// Bounds what all clients together have here of frames that are not complete.
    async fn bound_waiting(&mut self, message: &Message) {
        let chunk = match message {
            Message::Chunk(chunk) => chunk.len(),
            _ => 0,
        };
        let bytes = self.reassembler.buffered_bytes() + chunk;
        let has_room = match &mut self.state {
            State::Streaming(stream) => stream.memory.resize(bytes),
            // Without a stream little is kept.
            State::Idle | State::Refused { .. } => bytes <= OWN_BYTES,
        };
        if !has_room && let Some(dropped) = self.reassembler.give_up_for_memory() {
            debug!(frame_id = dropped.frame_id, reason = %dropped.reason, "a large frame is not kept");
            self.dropped(dropped).await;
        }
    }

    async fn frame(&mut self, mut frame: Frame) -> Result<(), PipelineStopped> {
        let received_at = Instant::now();
        let receive = self
            .frame_started
            .take()
            .map_or_else(Default::default, |started| {
                received_at.saturating_duration_since(started)
            });
        self.ask_again().await?;
        let stream = match &mut self.state {
            State::Streaming(stream) => stream,
            State::Refused { frames, .. } => {
                *frames += 1;
                self.context.metrics.lost(FrameLoss::NoStream);
                return Ok(());
            }
            State::Idle => {
                self.frames_without_stream += 1;
                self.context.metrics.lost(FrameLoss::NoStream);
                if self.frames_without_stream == 1 {
                    warn!("frames came without a stream; they are ignored");
                }
                return Ok(());
            }
        };
        stream.frames += 1;
        stream.bytes += frame.meta.nbytes;
        self.context.metrics.frame(frame.meta.nbytes);
        let encoding = &mut frame.meta.encoding;
        *encoding = encoding.of_stream(stream.route.origin.significant_bits);
        let pipeline = Arc::clone(&stream.pipeline);
        let job = FrameJob {
            frame,
            receive,
            received_at,
        };
        self.hand_over(&pipeline, job).await
    }

    /// Hands a frame to the pipeline. Where that has to wait, the client is notified first.
    async fn hand_over(
        &mut self,
        pipeline: &PipelineStream,
        job: FrameJob,
    ) -> Result<(), PipelineStopped> {
        let handing = pipeline.frame(job);
        tokio::pin!(handing);
        tokio::select! {
            biased;
            handed = &mut handing => return handed,
            () = std::future::ready(()) => {}
        }
        if let State::Streaming(stream) = &mut self.state
            && let Some(pressure) = stream.queues_are_full()
        {
            self.reply(Message::Backpressure(pressure)).await;
        }
        handing.await
    }

    async fn batch(&mut self, event: BatchEvent) -> Result<(), PipelineStopped> {
        let State::Streaming(stream) = &self.state else {
            return Ok(());
        };
        if !matches!(event, BatchEvent::Started { .. }) && !event.is_complete() {
            debug!(batch = ?event, "batch does not hold what it declared; its frames are used");
        }
        let pipeline = &stream.pipeline;
        match event {
            BatchEvent::Started { .. } => pipeline.batch_started().await,
            BatchEvent::Abandoned { .. } => {
                pipeline.batch_ended().await?;
                pipeline.batch_started().await
            }
            // The batch goes on: more frames than declared are no reason to drop them.
            BatchEvent::Overfull { .. } => Ok(()),
            _ => pipeline.batch_ended().await,
        }
    }

    async fn control(&mut self, message: Message) -> Result<(), PipelineStopped> {
        match message {
            Message::StreamStart(start) => self.start(start).await?,
            Message::StreamEnd(end) => {
                debug!(total_sent = end.total_sent, "client has sent everything");
                self.end().await?;
            }
            Message::KeepAlive => {}
            rules @ (Message::Zones(_) | Message::Rules(_) | Message::ZoneResult(_)) => {
                self.rules(rules);
            }
            other => match self.uploads.message(other).await {
                None => self.has_asked = true,
                Some(other) => debug!(message = ?other, "not for this worker; ignored"),
            },
        }
        Ok(())
    }

    /// The worker is about to end: a client that streams may go on at another one.
    async fn drains(&self) {
        if self.is_streaming() {
            self.reply(Message::Drain).await;
        }
    }

    /// Whether the next chunk belongs to a file and not to a frame.
    fn chunks_are_of_a_file(&self) -> bool {
        self.uploads.takes_bytes() && !self.reassembler.is_within_a_frame()
    }

    async fn reply(&self, message: Message) {
        // Without a connection to the client there is nothing to send; the session ends by itself.
        let _ = self.replies.send(message).await;
    }
}
