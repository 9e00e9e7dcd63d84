//! One client: from STREAM_START to STREAM_COMPLETE, as often as it likes, until it leaves.

pub(crate) mod ack;
mod current;
pub(crate) mod forward;
mod opening;
mod requester;
mod run;
mod stage;
mod stream;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use link::{CloseReason, Receiver};
use protocol::{
    BatchEvent, DecodeError, Frame, Limits, Message, PEER_SILENCE, Reassembler, StreamAck,
    StreamStart,
};
use tokio::sync::mpsc;
use tracing::{debug, info, warn};

pub(crate) use current::Current;
#[cfg(test)]
pub(crate) use requester::Origin;
pub(crate) use requester::Requester;
pub(crate) use run::{report, run};
pub(crate) use stage::{Availability, Stage};

use crate::files::{Desk, Files};
use crate::metrics::{Lost, Metrics, Refused, StreamEnd};
use crate::pipeline::{Job, Pipeline, Stopped};
use crate::places::Place;
use crate::view::Hub;
use stream::Stream;

/// What all sessions share.
pub(crate) struct Worker {
    /// The STREAM_ACK while it is free.
    pub(crate) ack: StreamAck,
    pub(crate) pipeline: Pipeline,
    pub(crate) stage: Stage,
    /// The stream that is served, for those who show it.
    pub(crate) current: Current,
    /// Who looks on, where anybody can.
    pub(crate) view: Option<Arc<Hub>>,
    pub(crate) metrics: Metrics,
    /// Files that clients send, and what is taken of them.
    pub(crate) files: Files,
    /// What is taken from a client.
    pub(crate) limits: Limits,
}

/// Bytes that are kept of a frame that comes without a stream: one of raw 1080p.
const MAX_WAITING_BYTES: usize = 8 << 20;

/// Why a session is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// The client closed the channel or is lost.
    Left,
    /// Its heartbeat has stopped.
    Mute,
    /// It never asked for a stream.
    Silent,
    /// Another client needs its place, or its own that came back.
    Dismissed,
    /// The worker is to end.
    Interrupted,
    /// The worker cannot go on.
    Stopped,
}

struct Session {
    worker: Arc<Worker>,
    place: Arc<Place>,
    reassembler: Reassembler,
    replies: mpsc::Sender<Message>,
    /// Files of this client.
    desk: Desk,
    state: State,
    frame_started: Option<Instant>,
    /// A stream was asked for, whatever came of it.
    has_asked: bool,
    frames_without_stream: u64,
    /// Messages that could not be read since the last STREAM_START.
    unreadable: u64,
}

enum State {
    Idle,
    /// Told that the worker is busy. Some clients do not wait for an answer: the stream begins
    /// with the first of its frames that finds the worker free.
    Refused {
        start: StreamStart,
        frames: u64,
    },
    Streaming(Stream),
}

/// Resolves at that time, if there is one.
async fn overdue(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

impl Session {
    fn new(worker: Arc<Worker>, replies: mpsc::Sender<Message>, place: Arc<Place>) -> Self {
        Self {
            reassembler: Reassembler::new(worker.limits.clone()),
            desk: Desk::new(Arc::clone(&worker), replies.clone(), Arc::clone(&place)),
            worker,
            place,
            replies,
            state: State::Idle,
            frame_started: None,
            has_asked: false,
            frames_without_stream: 0,
            unreadable: 0,
        }
    }

    /// Serves messages to the end of the channel. May be cancelled where the session ends.
    async fn serve(&mut self, receiver: &mut Receiver) -> Ended {
        let patience = tokio::time::sleep(run::FIRST_STREAM);
        tokio::pin!(patience);
        loop {
            let beats = matches!(&self.state, State::Streaming(stream) if stream.has_heartbeat());
            let message = tokio::select! {
                biased;
                message = receiver.recv() => message,
                () = overdue(self.desk.overdue()) => {
                    self.desk.expire().await;
                    continue;
                }
                () = &mut patience, if !self.has_asked => return Ended::Silent,
                // Counted from here: what came while frames waited for the model is there already.
                () = tokio::time::sleep(PEER_SILENCE), if beats => {
                    // Parts of frames that are not whole yet are signs of life, too.
                    if receiver.heard().elapsed() >= PEER_SILENCE {
                        return Ended::Mute;
                    }
                    continue;
                }
            };
            let outcome = match message {
                Some(Ok(message)) => self.message(message).await,
                Some(Err(error)) => {
                    self.unreadable(&error).await;
                    Ok(())
                }
                None => return Ended::Left,
            };
            if outcome.is_err() {
                return Ended::Stopped;
            }
        }
    }

    /// Gives up what is under way. An interrupted worker first answers what it has taken.
    async fn leave(&mut self, ended: Ended, reason: Option<CloseReason>) {
        self.desk.leave(reason);
        if let Some(dropped) = self.reassembler.reset() {
            debug!(reason = %dropped.reason, "half a frame dropped");
            self.worker.metrics.dropped(&dropped.reason);
        }
        let State::Streaming(stream) = std::mem::replace(&mut self.state, State::Idle) else {
            match ended {
                Ended::Silent => info!("a client that asks for nothing is sent away"),
                Ended::Dismissed => info!("an idle client makes room for another"),
                _ => {}
            }
            return;
        };
        stream.ends(match ended {
            Ended::Left | Ended::Silent => StreamEnd::ClientLeft,
            Ended::Mute => StreamEnd::ClientMute,
            Ended::Dismissed => StreamEnd::TakenOver,
            Ended::Interrupted => StreamEnd::Interrupted,
            Ended::Stopped => StreamEnd::Failed,
        });
        // The pipeline ends for all sessions at once; that is reported once, elsewhere.
        let _ = if ended == Ended::Interrupted {
            self.worker.pipeline.flush().await
        } else {
            self.worker.pipeline.stream_lost().await
        };
        match reason {
            Some(reason) => stream.log(&format!("client left before the end ({reason})")),
            None => stream.log("stream cut off"),
        }
    }

    async fn message(&mut self, message: Message) -> Result<(), Stopped> {
        let message = match message {
            Message::Chunk(chunk) if self.chunks_are_a_files() => {
                let streams = matches!(self.state, State::Streaming(_));
                self.desk.bytes(chunk, streams).await;
                return Ok(());
            }
            message => message,
        };
        if matches!(message, Message::FrameMeta(_)) {
            self.frame_started = Some(Instant::now());
        }
        self.bound_waiting(&message);
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

    /// Whoever does not stream has little of a frame kept: there may be several of them.
    fn bound_waiting(&mut self, message: &Message) {
        if let (Message::Chunk(chunk), State::Idle | State::Refused { .. }) = (message, &self.state)
            && self.reassembler.buffered_bytes() + chunk.len() > MAX_WAITING_BYTES
            && let Some(dropped) = self.reassembler.reset()
        {
            debug!(reason = %dropped.reason, "a large frame without a stream is not kept");
        }
    }

    /// A message that cannot be read costs at most the frame it belongs to.
    async fn unreadable(&mut self, error: &DecodeError) {
        self.unreadable += 1;
        self.worker.metrics.unreadable();
        if self.unreadable == 1 {
            warn!(%error, "message refused; further ones of this stream are logged with -v");
        } else {
            debug!(%error, count = self.unreadable, "message refused");
        }
        if let Some(word) = error.transfer_word() {
            self.has_asked = true;
            self.desk.unreadable(word, error.to_string()).await;
        }
        if matches!(error, DecodeError::ChunkTooLarge { .. }) && self.chunks_are_a_files() {
            self.desk.damaged(error.to_string()).await;
        } else if let Some(dropped) = self.reassembler.push_error(error) {
            self.dropped(dropped).await;
        }
        if ack::is_due(error) {
            self.has_asked = true;
            self.worker.metrics.refused(Refused::Unreadable);
            self.reply(Message::StreamAck(ack::error(error.to_string())))
                .await;
        }
        let State::Streaming(stream) = &mut self.state else {
            return;
        };
        stream.unreadable += 1;
        if let Some(frame_id) = error.frame_id() {
            stream.requester.counts.damaged.fetch_add(1, Relaxed);
            self.worker.metrics.error();
            self.reply(crate::answer::failure(frame_id, error.to_string()))
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
        self.ask_again().await;
        let stream = match &mut self.state {
            State::Streaming(stream) => stream,
            State::Refused { frames, .. } => {
                *frames += 1;
                self.worker.metrics.lost(Lost::NoStream);
                return Ok(());
            }
            State::Idle => {
                self.frames_without_stream += 1;
                self.worker.metrics.lost(Lost::NoStream);
                if self.frames_without_stream == 1 {
                    warn!("frames came without a stream; they are ignored");
                }
                return Ok(());
            }
        };
        stream.frames += 1;
        stream.bytes += frame.meta.nbytes;
        self.worker.metrics.frame(frame.meta.nbytes);
        let requester = Arc::clone(&stream.requester);
        self.hand_over(Job {
            frame,
            receive,
            received_at,
            requester,
        })
        .await
    }

    /// Hands a frame on. Where that has to wait, the client hears of it first.
    async fn hand_over(&mut self, job: Job) -> Result<(), Stopped> {
        let worker = Arc::clone(&self.worker);
        let handing = worker.pipeline.frame(job);
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

    /// A frame that could not be put together gets its answer too, so that the client can account for it.
    async fn dropped(&mut self, dropped: protocol::Dropped) {
        self.worker.metrics.dropped(&dropped.reason);
        let State::Streaming(stream) = &mut self.state else {
            return;
        };
        stream.requester.counts.damaged.fetch_add(1, Relaxed);
        if let Some(frame_id) = dropped.frame_id {
            self.worker.metrics.error();
            self.reply(crate::answer::failure(frame_id, dropped.reason.to_string()))
                .await;
        }
    }

    async fn batch(&mut self, event: BatchEvent) -> Result<(), Stopped> {
        if !matches!(self.state, State::Streaming(_)) {
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
            Message::StreamStart(start) => self.start(start).await?,
            Message::StreamEnd(end) => {
                debug!(total_sent = end.total_sent, "client has sent everything");
                self.end().await?;
            }
            Message::KeepAlive => {}
            other => match self.desk.message(other).await {
                None => self.has_asked = true,
                Some(other) => debug!(message = ?other, "not for this worker; ignored"),
            },
        }
        Ok(())
    }

    /// Whether the next chunk belongs to a file and not to a frame.
    fn chunks_are_a_files(&self) -> bool {
        self.desk.takes_bytes() && !self.reassembler.is_within_a_frame()
    }

    async fn reply(&self, message: Message) {
        // Without a way to the client there is nothing to say; the session ends by itself.
        let _ = self.replies.send(message).await;
    }
}
