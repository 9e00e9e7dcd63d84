//! The encoding stage: takes captured frames as they may leave, and sends them.

use std::sync::Arc;
use std::time::{Instant, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use protocol::{CaptureClock, Frame, FrameId, FrameMeta, Message};
use tokio::sync::oneshot;
use vision::capture::CapturedFrame;
use vision::record::RecordingHandle;

use crate::moments::CameraMoments;
use crate::send::batch::BatchMarks;
use crate::send::frame_encoder::{EncodedFrame, FrameEncoder};
use crate::send::frame_watcher::SharedWatcher;
use crate::send::in_flight::{InFlight, SharedInFlight, TakenFrame};
use crate::send::source_queue::SourceQueue;
use crate::send::uplink::{Uplink, UplinkClosed};

/// The encoding stage; runs on a thread of its own.
pub(crate) struct EncodeStage {
    /// Where captured frames wait.
    pub(crate) queue: SourceQueue,
    /// The ledger, which decides when the next frame may leave.
    pub(crate) in_flight: Arc<SharedInFlight>,
    /// What becomes of pixels.
    pub(crate) encoder: FrameEncoder,
    /// Where batches begin and end.
    pub(crate) batch: BatchMarks,
    /// Where frames go.
    pub(crate) uplink: Uplink,
    /// The stream ends after this many frames.
    pub(crate) max_frames: Option<u64>,
    /// Images are kept until their poses are there (snapshot or window).
    pub(crate) keep_pictures: bool,
    /// Frames are kept until their results are here, to be sent again over another connection.
    pub(crate) keep_frames: bool,
    /// The size of all frames, where an output holds one size only.
    pub(crate) one_size: Option<(u32, u32)>,
    /// Where frames are recorded as they are sent.
    pub(crate) recording: Option<RecordingHandle>,
    /// Sees which frames are taken.
    pub(crate) watcher: Option<SharedWatcher>,
    /// The moments that frames show, where several cameras do.
    pub(crate) moments: Option<CameraMoments>,
    /// Dropped when everything is sent that will be.
    pub(crate) done: oneshot::Sender<()>,
}

impl EncodeStage {
    /// Encodes until the queue is closed and empty, the ledger is closed, the link is gone or
    /// there are enough frames.
    pub(crate) fn run(mut self) -> Result<()> {
        let encoded = self.encode_all();
        // The source stops, whatever the reason; a batch that is open is closed.
        self.queue.cut();
        if let Some(end) = self.batch.close() {
            let _ = self.close_batch(end);
        }
        drop(self.done);
        encoded
    }

    fn encode_all(&mut self) -> Result<()> {
        let mut left = self.max_frames.unwrap_or(u64::MAX);
        while left > 0 && self.in_flight.wait_for_slot() {
            let Some(captured) = self.queue.pop() else {
                break;
            };
            left -= 1;
            if let Some(watcher) = &self.watcher {
                watcher.taken(captured.frame_id);
            }
            self.check_size(&captured)?;
            let frame = self.encode(captured)?;
            let id = frame.meta.frame_id;
            let (start, end) = self.batch.frame();
            if start.is_some() {
                self.in_flight.update(|in_flight| in_flight.batch_opens(id));
            }
            let sent = start
                .map_or(Ok(()), |start| self.uplink.message(start))
                .and_then(|()| self.uplink.frame(frame))
                .and_then(|()| end.map_or(Ok(()), |end| self.close_batch(end)));
            if sent.is_err() {
                break;
            }
        }
        Ok(())
    }

    /// Refuses a frame that an output cannot hold.
    fn check_size(&self, captured: &CapturedFrame) -> Result<()> {
        let (first, (width, height)) = match self.one_size {
            Some(first) => (first, captured.size()),
            None => return Ok(()),
        };
        if first != (width, height) {
            bail!(
                "frame {} has {width}x{height} pixels and the frames before it {}x{}: an .slp file holds one size of frames. \
                 Write .jsonl or .csv",
                captured.frame_id,
                first.0,
                first.1
            );
        }
        Ok(())
    }

    fn close_batch(&self, end: Message) -> Result<(), UplinkClosed> {
        self.in_flight
            .update(|in_flight| in_flight.batch_closes(Instant::now()));
        self.uplink.message(end)
    }

    fn encode(&mut self, captured: CapturedFrame) -> Result<Frame> {
        let (id, taken) = (captured.frame_id, Instant::now());
        let recorded = self
            .recording
            .as_mut()
            .and_then(|recording| recording.offer(&captured));
        let captured_us = captured.captured_at.duration_since(UNIX_EPOCH).ok();
        let captured_us = captured_us.and_then(|since| u64::try_from(since.as_micros()).ok());
        let clock = captured.clock;
        let frame = TakenFrame {
            captured: captured.captured,
            arrived: captured.arrived,
            captured_us,
            clock,
            taken,
            picture: self.keep_pictures.then(|| captured.content.clone()),
            recorded,
            moment: self.moments.as_ref().and_then(|moments| moments.stamp(id)),
        };
        self.in_flight
            .update(|in_flight| in_flight.depart(id, frame));
        let encoded = self
            .encoder
            .encode(captured.content)
            .with_context(|| format!("frame {id} cannot be sent"))?;
        let scale = encoded.scale;
        let frame = message(id, captured_us, clock, encoded);
        self.in_flight.update(|in_flight: &mut InFlight| {
            in_flight.encoded(id, scale, frame.meta.nbytes, Instant::now());
            if self.keep_frames {
                in_flight.keep(frame.clone());
            }
        });
        Ok(frame)
    }
}

/// A frame as it goes over the link.
fn message(
    frame_id: FrameId,
    captured_us: Option<u64>,
    clock: CaptureClock,
    encoded: EncodedFrame,
) -> Frame {
    Frame {
        meta: FrameMeta {
            frame_id,
            height: encoded.height,
            width: encoded.width,
            channels: encoded.channels,
            encoding: encoded.encoding,
            nbytes: encoded.data.len() as u64,
            captured_us,
            clock: Some(clock),
        },
        data: encoded.data,
    }
}
