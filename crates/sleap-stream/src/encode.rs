//! From captured frames to frames as they go on the wire: resize, JPEG, batches.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, UNIX_EPOCH};

use anyhow::{Context, Result};
use protocol::{Encoding, Frame, FrameMeta};
use tokio::sync::mpsc;
use vision::capture::CapturedFrame;
use vision::{Image, jpeg};

use crate::flight::Flight;
use crate::queue::Queue;
use crate::window::Window;

/// A frame and when it was in hand, by the clock that latencies are measured with.
pub(crate) struct Captured {
    pub(crate) frame: CapturedFrame,
    pub(crate) at: Instant,
}

/// What the link sends, in this order.
pub(crate) enum Outgoing {
    Frame(Frame),
    BatchStart(u32),
    BatchEnd(u32),
}

/// How frames are to leave.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    pub(crate) resize: Option<(u32, u32)>,
    pub(crate) jpeg_quality: Option<u8>,
    pub(crate) batch_size: u32,
    /// The stream ends after so many frames.
    pub(crate) max_frames: Option<u64>,
    /// Pictures are kept until their poses are there (snapshot or window).
    pub(crate) keep_pictures: bool,
}

/// The encoding stage; runs on a thread of its own.
pub(crate) struct Encoder {
    pub(crate) form: Form,
    pub(crate) queue: Arc<Queue<Captured>>,
    pub(crate) window: Arc<Window>,
    pub(crate) flight: Arc<Mutex<Flight>>,
    pub(crate) out: mpsc::Sender<Outgoing>,
}

impl Encoder {
    /// Encodes until the queue is closed and empty, the window is closed, the link is gone or
    /// there are enough frames.
    pub(crate) fn run(self) -> Result<()> {
        let mut jpeg = match self.form.jpeg_quality {
            Some(quality) => {
                Some(jpeg::Encoder::new(quality).context("cannot set up the JPEG encoder")?)
            }
            None => None,
        };
        let mut batch = Vec::new();
        let mut left = self.form.max_frames.unwrap_or(u64::MAX);
        while left > 0 && self.window.enter() {
            let Some(captured) = self.queue.pop() else {
                break;
            };
            left -= 1;
            let frame = self.encode(captured, jpeg.as_mut())?;
            if self.form.batch_size <= 1 {
                if self.out.blocking_send(Outgoing::Frame(frame)).is_err() {
                    return Ok(());
                }
                continue;
            }
            batch.push(frame);
            if batch.len() as u32 == self.form.batch_size && self.send_batch(&mut batch).is_err() {
                return Ok(());
            }
        }
        // Whoever fills the queue stops when there are enough frames.
        self.queue.cut();
        // The last batch may be a short one. A link that is gone is the receiver's to report.
        let _ = self.send_batch(&mut batch);
        Ok(())
    }

    fn encode(&self, captured: Captured, jpeg: Option<&mut jpeg::Encoder>) -> Result<Frame> {
        let Captured { frame, at } = captured;
        let picture = self.form.keep_pictures.then(|| frame.image.clone());
        let image = match self.form.resize {
            Some((width, height)) => vision::resize(&frame.image, width, height)
                .with_context(|| format!("cannot resize frame {}", frame.frame_id))?,
            None => frame.image,
        };
        self.flight
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .depart(frame.frame_id, at, picture);
        let (encoding, data) = match jpeg {
            Some(encoder) => {
                let data = encoder
                    .encode(&image)
                    .with_context(|| format!("cannot encode frame {}", frame.frame_id))?;
                (Encoding::Jpeg, data)
            }
            None => (Encoding::U8, image.data.clone()),
        };
        let captured_us = frame.captured_at.duration_since(UNIX_EPOCH).ok();
        Ok(Frame {
            meta: FrameMeta {
                captured_us: captured_us.and_then(|since| u64::try_from(since.as_micros()).ok()),
                ..meta(frame.frame_id, &image, encoding, data.len())
            },
            data,
        })
    }

    fn send_batch(&self, batch: &mut Vec<Frame>) -> Result<(), mpsc::error::SendError<Outgoing>> {
        if batch.is_empty() {
            return Ok(());
        }
        let count = batch.len() as u32;
        self.out.blocking_send(Outgoing::BatchStart(count))?;
        for frame in batch.drain(..) {
            self.out.blocking_send(Outgoing::Frame(frame))?;
        }
        self.out.blocking_send(Outgoing::BatchEnd(count))
    }
}

fn meta(frame_id: u64, image: &Image, encoding: Encoding, nbytes: usize) -> FrameMeta {
    FrameMeta {
        frame_id,
        height: image.height,
        width: image.width,
        channels: image.channels,
        encoding,
        nbytes: nbytes as u64,
        captured_us: None,
    }
}
