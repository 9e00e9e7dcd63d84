//! The encoding stage: takes captured frames as they may leave, and sends them.

use std::sync::{Arc, Mutex};
use std::time::{Instant, UNIX_EPOCH};

use anyhow::{Context, Result};
use protocol::{Frame, FrameMeta, Message};
use tokio::sync::oneshot;
use vision::capture::CapturedFrame;
use vision::record::RecordingHandle;

use crate::send::batch::BatchMarks;
use crate::send::frame_encoder::FrameEncoder;
use crate::send::in_flight::{self, Flight};
use crate::send::outlet::{Outlet, UplinkClosed};
use crate::send::queue::FrameQueue;
use crate::send::window::Window;

/// The encoding stage; runs on a thread of its own.
pub(crate) struct EncodeStage {
    pub(crate) queue: Arc<FrameQueue<CapturedFrame>>,
    pub(crate) window: Arc<Window>,
    pub(crate) flight: Arc<Mutex<Flight>>,
    pub(crate) shaper: FrameEncoder,
    pub(crate) batch: BatchMarks,
    pub(crate) outlet: Outlet,
    /// The stream ends after so many frames.
    pub(crate) max_frames: Option<u64>,
    /// Pictures are kept until their poses are there (snapshot or window).
    pub(crate) keep_pictures: bool,
    /// Frames are kept until they are answered, to be sent again over another connection.
    pub(crate) keep_frames: bool,
    /// Where frames are recorded as they are sent.
    pub(crate) recording: Option<RecordingHandle>,
    /// Dropped when everything is sent that will be.
    pub(crate) done: oneshot::Sender<()>,
}

impl EncodeStage {
    /// Encodes until the queue is closed and empty, the window is closed, the link is gone or
    /// there are enough frames.
    pub(crate) fn run(mut self) -> Result<()> {
        let encoded = self.encode_all();
        // Whoever fills the queue stops, whatever the reason; a batch that is open is closed.
        self.queue.cut();
        if let Some(end) = self.batch.close() {
            let _ = self.close_batch(end);
        }
        drop(self.done);
        encoded
    }

    fn encode_all(&mut self) -> Result<()> {
        let mut left = self.max_frames.unwrap_or(u64::MAX);
        while left > 0 && self.window.enter() {
            let Some(captured) = self.queue.pop() else {
                break;
            };
            left -= 1;
            let frame = self.encode(captured)?;
            let id = frame.meta.frame_id;
            let (start, end) = self.batch.frame();
            if start.is_some() {
                in_flight::lock(&self.flight).batch_opens(id);
            }
            let sent = start
                .map_or(Ok(()), |start| self.outlet.message(start))
                .and_then(|()| self.outlet.frame(frame))
                .and_then(|()| end.map_or(Ok(()), |end| self.close_batch(end)));
            if sent.is_err() {
                break;
            }
        }
        Ok(())
    }

    fn close_batch(&self, end: Message) -> Result<(), UplinkClosed> {
        in_flight::lock(&self.flight).batch_closes(Instant::now());
        self.outlet.message(end)
    }

    fn encode(&mut self, captured: CapturedFrame) -> Result<Frame> {
        let (id, taken) = (captured.frame_id, Instant::now());
        let recorded = self.recording.as_mut().and_then(|tap| tap.offer(&captured));
        let captured_us = captured.captured_at.duration_since(UNIX_EPOCH).ok();
        let captured_us = captured_us.and_then(|since| u64::try_from(since.as_micros()).ok());
        let picture = self.keep_pictures.then(|| captured.content.clone());
        self.window.update(|flow| flow.depart(id, taken));
        {
            let mut flight = in_flight::lock(&self.flight);
            flight.depart(id, captured.captured, taken, picture);
            flight.describe(id, captured_us, recorded);
        }
        let shaped = self
            .shaper
            .shape(captured.content)
            .with_context(|| format!("frame {id} cannot be sent"))?;
        let nbytes = shaped.data.len() as u64;
        self.window.update(|flow| flow.weigh(id, nbytes));
        in_flight::lock(&self.flight).encoded(id, shaped.scale, Instant::now());
        let frame = Frame {
            meta: FrameMeta {
                frame_id: id,
                height: shaped.height,
                width: shaped.width,
                channels: shaped.channels,
                encoding: shaped.encoding,
                nbytes,
                captured_us,
            },
            data: shaped.data,
        };
        if self.keep_frames {
            in_flight::lock(&self.flight).keep(frame.clone());
        }
        Ok(frame)
    }
}
