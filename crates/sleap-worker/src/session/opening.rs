//! How streams begin and end.

use std::sync::Arc;
use std::time::Instant;

use protocol::{HEARTBEAT, Message, StreamAck, StreamComplete, StreamStart, text};
use tokio::sync::mpsc::{self, error::TrySendError};
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::task::AbortOnDropHandle;
use tracing::info;

use super::requester::{Origin, Requester};
use super::stage::Turn;
use super::stream::Stream;
use super::{Session, State, ack};
use crate::metrics::{Refused, StreamEnd};
use crate::pipeline::Stopped;

/// What a client hears that wants to stream to a worker that takes only files.
const NO_STREAMS: &str = "this worker takes no streams (--no-stream); it takes videos as files \
    (sleap-stream --send-file)";

impl Session {
    pub(super) async fn start(&mut self, mut start: StreamStart) -> Result<(), Stopped> {
        start.source_name = text::cut(&start.source_name, text::NAME).into_owned();
        self.has_asked = true;
        self.unreadable = 0;
        if let Some(dropped) = self.reassembler.reset() {
            self.worker.metrics.dropped(&dropped.reason);
        }
        // A client that starts again without an end has given up the stream before. Its answers
        // come before the new stream's, whose frames may bear the same numbers.
        if let State::Streaming(stream) = std::mem::replace(&mut self.state, State::Idle) {
            self.worker.pipeline.flush().await?;
            stream.ends(StreamEnd::Restarted);
            stream.log("stream restarted by its client");
        }
        if !self.worker.files.streams {
            info!(source = %start.source_name, "stream refused: --no-stream");
            self.worker.metrics.refused(Refused::NoStreams);
            let reason = ack::error(NO_STREAMS.into());
            self.reply(Message::StreamAck(reason)).await;
            return Ok(());
        }
        match self.permit(start.stream_id.as_deref()).await {
            Some(permit) => self.open(start, permit).await,
            None => {
                let why = match self.worker.stage.is_closed() {
                    true => Refused::ShuttingDown,
                    false => Refused::Busy,
                };
                self.worker.metrics.refused(why);
                info!(source = %start.source_name, "client told that the worker is busy");
                self.state = State::Refused { start, frames: 0 };
                self.reply(Message::StreamAck(ack::busy(&self.worker.ack, why)))
                    .await;
            }
        }
        Ok(())
    }

    /// Opens a stream that was refused, if the worker is free by now.
    pub(super) async fn ask_again(&mut self) {
        let State::Refused { start, .. } = &mut self.state else {
            return;
        };
        self.place.idle_since(Instant::now());
        let name = start.stream_id.as_deref();
        if let Some(permit) = self.worker.stage.enter(name, &self.place) {
            let start = std::mem::take(start);
            self.open(start, permit).await;
        }
    }

    async fn permit(&self, name: Option<&str>) -> Option<Turn> {
        let stage = &self.worker.stage;
        match (stage.enter(name, &self.place), name) {
            (None, Some(name)) => stage.take_over(name, &self.place).await,
            (permit, _) => permit,
        }
    }

    async fn open(&mut self, start: StreamStart, permit: Turn) {
        info!(
            source = %start.source_name,
            size = %format_args!("{}x{}", start.width, start.height),
            jpeg_quality = start.jpeg_quality,
            frames = start.frames_to_send,
            "stream starts"
        );
        let origin = Origin {
            source_name: start.source_name.clone(),
            size: (start.original_width, start.original_height),
            is_webcam: start.is_webcam,
        };
        let requester = Requester::new(self.replies.clone(), start.answers)
            .of(origin)
            .counted_in(self.worker.metrics.clone());
        let requester = Arc::new(requester);
        self.worker.metrics.stream_starts();
        if let Some(view) = &self.worker.view {
            view.begins(&start);
        }
        let serving = self.worker.current.serves(&requester);
        let heartbeat = start.heartbeat.then(|| heartbeat(self.replies.clone()));
        self.state = State::Streaming(Stream::new(requester, heartbeat, serving, permit));
        self.place.streams();
        let ack = StreamAck {
            answers: self.worker.ack.answers || start.answers,
            heartbeat: start.heartbeat,
            ..self.worker.ack.clone()
        };
        self.reply(Message::StreamAck(ack)).await;
    }

    /// Every STREAM_END is answered: clients wait for that.
    pub(super) async fn end(&mut self) -> Result<(), Stopped> {
        // The word for it has its place before the worker is free: one that drains ends then.
        let replies = self.replies.clone();
        let place = replies.reserve().await;
        let complete = match std::mem::replace(&mut self.state, State::Idle) {
            State::Streaming(stream) => {
                self.worker.pipeline.flush().await?;
                stream.ends(StreamEnd::Complete);
                stream.log("stream complete");
                // The permit goes back with the stream before the client hears of the end: it may
                // start anew at once.
                stream.complete()
            }
            State::Refused { frames, .. } => {
                info!(
                    frames,
                    "a stream that came while the worker was busy is over"
                );
                StreamComplete {
                    frames_dropped: Some(frames),
                    ..StreamComplete::default()
                }
            }
            State::Idle => StreamComplete::default(),
        };
        self.place.idle_since(Instant::now());
        // Without a way to the client there is nothing to say; the session ends by itself.
        if let Ok(place) = place {
            place.send(Message::StreamComplete(complete));
        }
        Ok(())
    }
}

/// Says every second that the worker is there. Where answers fill the way to the client, they say it.
fn heartbeat(replies: mpsc::Sender<Message>) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        let mut tick = interval(HEARTBEAT);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            if let Err(TrySendError::Closed(_)) = replies.try_send(Message::KeepAlive) {
                return;
            }
        }
    }))
}
