//! The beginning and the end of streams.

use std::sync::Arc;
use std::time::Instant;

use protocol::{Message, StreamAck, StreamComplete, StreamStart, text, versions_fit};
use tracing::{info, warn};

use super::stream::Stream;
use super::{Session, State};
use crate::metrics::{StreamEndReason, StreamRefusal};
use crate::pipeline::{PipelineStopped, StreamClass};
use crate::replies::ack;
use crate::streams::{FrameOrigin, LiveRoom, NoSlot, ResultRoute, StreamDemand, StreamPermit};

/// The refusal of a stream by a worker that takes only files.
const NO_STREAMS: &str = "this worker takes no streams (--no-stream); it takes videos as files \
    (sleap-stream --send-file)";

impl Session {
    /// STREAM_START: opens the stream, or refuses it.
    pub(super) async fn start(&mut self, mut start: StreamStart) -> Result<(), PipelineStopped> {
        start.source_name = text::cut(&start.source_name, text::NAME).into_owned();
        self.has_asked = true;
        self.unreadable = 0;
        if let Some(dropped) = self.reassembler.reset() {
            self.context.metrics.dropped(&dropped.reason);
        }
        // A client that starts again without an end has given up the stream before. Its results
        // are sent before the new stream's, whose frames may have the same numbers.
        let mut kept = None;
        if let State::Streaming(stream) = std::mem::replace(&mut self.state, State::Idle) {
            self.finish(&stream).await?;
            stream.ends(StreamEndReason::Restarted);
            stream.log("stream restarted by its client");
            kept = Some(stream.into_permit());
        }
        if !self.context.takes_streams {
            info!(source = %start.source_name, "stream refused: --no-stream");
            self.context.metrics.refused(StreamRefusal::NoStreams);
            let reason = ack::error(NO_STREAMS.into());
            self.reply(Message::StreamAck(reason)).await;
            return Ok(());
        }
        let name = start.stream_id.as_deref();
        let demand = StreamDemand::from(&start);
        let permit = match kept {
            Some(permit) => {
                let kept = self
                    .context
                    .slots
                    .restart(permit, name, &self.client, demand);
                kept.ok_or(NoSlot::Taken)
            }
            None => self.permit(name, demand).await,
        };
        match permit {
            Ok(permit) => self.open(start, permit).await?,
            Err(why) => self.refuse(start, why).await,
        }
        Ok(())
    }

    /// Tells the client that its stream cannot begin now, and why.
    async fn refuse(&mut self, start: StreamStart, why: NoSlot) {
        let slots = &self.context.slots;
        let (refusal, ack) = match why {
            NoSlot::NoRoom(room) => {
                info!(
                    source = %start.source_name,
                    streams = room.streams,
                    rate = %format_args!("{:.1}", room.rate),
                    "client told that the model has no room for one more live stream"
                );
                let ack = ack::no_room(&self.context.ack, room.words(), room.expected);
                (StreamRefusal::NoRoom, ack)
            }
            NoSlot::Taken => {
                let why = match slots.is_closed() {
                    true => StreamRefusal::ShuttingDown,
                    false => StreamRefusal::Busy,
                };
                info!(source = %start.source_name, "client told that the worker is busy");
                let position = slots.wait_in_queue(&self.client, Instant::now());
                (
                    why,
                    ack::busy(&self.context.ack, why, slots.max(), position),
                )
            }
        };
        self.context.metrics.refused(refusal);
        self.state = State::Refused { start, frames: 0 };
        self.reply(Message::StreamAck(ack)).await;
    }

    /// The model, as the streams share it now.
    fn room(&self) -> LiveRoom {
        LiveRoom {
            rate: self.context.rate.frames_per_second(),
            least: self.context.least_rate,
        }
    }

    /// Opens a stream that was refused, if the worker is free by now.
    pub(super) async fn ask_again(&mut self) -> Result<(), PipelineStopped> {
        let room = self.room();
        let State::Refused { start, .. } = &mut self.state else {
            return Ok(());
        };
        self.client.mark_idle(Instant::now());
        let name = start.stream_id.as_deref();
        let demand = (StreamDemand::from(&*start), room);
        if let Ok(permit) = self.context.slots.enter(name, &self.client, demand) {
            let start = std::mem::take(start);
            self.open(start, permit).await?;
        }
        Ok(())
    }

    async fn permit(
        &self,
        name: Option<&str>,
        demand: StreamDemand,
    ) -> Result<StreamPermit, NoSlot> {
        let slots = &self.context.slots;
        let former = match name {
            Some(name) => slots.take_over(name, &self.client, demand).await,
            None => None,
        };
        match former {
            Some(permit) => Ok(permit),
            None => slots.enter(name, &self.client, (demand, self.room())),
        }
    }

    async fn open(
        &mut self,
        start: StreamStart,
        permit: StreamPermit,
    ) -> Result<(), PipelineStopped> {
        let route = ResultRoute::new(self.replies.clone(), start.answers)
            .of(FrameOrigin::from(&start))
            .tracked_by(&self.context.tracking, start.next_track)
            .counted_in(self.context.metrics.clone());
        let route = Arc::new(route);
        self.context.metrics.stream_starts();
        let served = self.context.served.serves(&route);
        info!(
            stream = route.name(),
            source = %start.source_name,
            size = %format_args!("{}x{}", start.width, start.height),
            jpeg_quality = start.jpeg_quality,
            frames = u64::try_from(start.frames_to_send).ok(),
            "stream starts"
        );
        log_versions(start.client_version.as_deref());
        let expected_fps = self.context.slots.expected(&permit, self.room());
        let class = match start.is_live() {
            true => StreamClass::Live,
            false => StreamClass::File,
        };
        let pipeline = self.context.pipeline.open(Arc::clone(&route), class);
        let memory = self.context.frame_memory.share();
        let stream = Stream::new((route, pipeline), (start.heartbeat, memory), served, permit);
        let pipeline = Arc::clone(&stream.pipeline);
        self.state = State::Streaming(stream);
        self.client.mark_streaming();
        pipeline.started().await?;
        let ack = StreamAck {
            answers: self.context.ack.answers || start.answers,
            heartbeat: start.heartbeat,
            expected_fps,
            ..StreamAck::clone(&self.context.ack)
        };
        self.reply(Message::StreamAck(ack)).await;
        Ok(())
    }

    /// Ends the stream in the pipeline, once all its frames have their results.
    async fn finish(&self, stream: &Stream) -> Result<(), PipelineStopped> {
        stream.pipeline.ended().await?;
        stream.pipeline.flush().await
    }

    /// Every STREAM_END is answered: clients wait for that.
    pub(super) async fn end(&mut self) -> Result<(), PipelineStopped> {
        // STREAM_COMPLETE has its place in the queue before the worker is free: one that drains ends then.
        let replies = self.replies.clone();
        let place = replies.reserve().await;
        let complete = match std::mem::replace(&mut self.state, State::Idle) {
            State::Streaming(stream) => {
                self.finish(&stream).await?;
                stream.ends(StreamEndReason::Complete);
                stream.log("stream complete");
                // The permit goes back with the stream before the client receives the end: it may start
                // another stream at once.
                stream.complete()
            }
            State::Refused { frames, .. } => {
                self.context.slots.leave_queue(&self.client);
                info!(
                    frames,
                    "a stream that was refused because the worker was busy is over"
                );
                StreamComplete {
                    frames_dropped: Some(frames),
                    ..StreamComplete::default()
                }
            }
            State::Idle => StreamComplete::default(),
        };
        self.client.mark_idle(Instant::now());
        // Without a connection to the client there is nothing to send; the session ends by itself.
        if let Ok(place) = place {
            place.send(Message::StreamComplete(complete));
        }
        Ok(())
    }
}

/// Logs that the client's version is too far from this worker's.
fn log_versions(client: Option<&str>) {
    let worker = env!("CARGO_PKG_VERSION");
    if let Some(client) = client.filter(|client| !versions_fit(client, worker)) {
        warn!(
            "the client has version {} and this worker {worker}: they may misunderstand each other. \
             Install the same version on both machines",
            text::cut(client, text::NAME)
        );
    }
}
