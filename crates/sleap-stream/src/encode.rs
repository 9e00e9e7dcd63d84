//! From captured frames to frames as they go on the wire: resize, JPEG, batches.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, UNIX_EPOCH};

use anyhow::{Context, Result};
use protocol::{Encoding, Frame, FrameMeta, Message};
use tokio::sync::oneshot;
use vision::capture::CapturedFrame;
use vision::jpeg;

use crate::flight::Flight;
use crate::outlet::Outlet;
use crate::queue::Queue;
use crate::window::Window;

/// A frame and when it was in hand, by the clock that latencies are measured with.
pub(crate) struct Captured {
    pub(crate) frame: CapturedFrame,
    pub(crate) at: Instant,
}

/// How frames are to leave.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Form {
    pub(crate) resize: Option<(u32, u32)>,
    pub(crate) jpeg_quality: Option<u8>,
    pub(crate) batch_size: u32,
    /// How many frames there will be, where that is known: the last batch may be a short one.
    pub(crate) frames: Option<u64>,
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
    pub(crate) outlet: Outlet,
    /// Dropped when everything is sent that will be.
    pub(crate) done: oneshot::Sender<()>,
}

impl Encoder {
    /// Encodes until the queue is closed and empty, the window is closed, the link is gone or
    /// there are enough frames.
    pub(crate) fn run(self) -> Result<()> {
        let mut batch = Batch::new(&self.form);
        let encoded = self.encode_all(&mut batch);
        // Whoever fills the queue stops, whatever the reason; a batch that is open is closed.
        self.queue.cut();
        if let Some(end) = batch.close() {
            let _ = self.outlet.message(end);
        }
        drop(self.done);
        encoded
    }

    fn encode_all(&self, batch: &mut Batch) -> Result<()> {
        let mut jpeg = match self.form.jpeg_quality {
            Some(quality) => {
                Some(jpeg::Encoder::new(quality).context("cannot set up the JPEG encoder")?)
            }
            None => None,
        };
        let mut left = self.form.max_frames.unwrap_or(u64::MAX);
        while left > 0 && self.window.enter() {
            let Some(captured) = self.queue.pop() else {
                break;
            };
            left -= 1;
            let frame = self.encode(captured, jpeg.as_mut())?;
            let (start, end) = batch.frame();
            let sent = start
                .map_or(Ok(()), |start| self.outlet.message(start))
                .and_then(|()| self.outlet.frame(frame))
                .and_then(|()| end.map_or(Ok(()), |end| self.outlet.message(end)));
            if sent.is_err() {
                break;
            }
        }
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
                frame_id: frame.frame_id,
                height: image.height,
                width: image.width,
                channels: image.channels,
                encoding,
                nbytes: data.len() as u64,
                captured_us: captured_us.and_then(|since| u64::try_from(since.as_micros()).ok()),
            },
            data,
        })
    }
}

/// Where batches begin and end. Each frame leaves as soon as it is encoded.
struct Batch {
    size: u32,
    /// Frames still to come, as far as is known.
    left: u64,
    declared: u32,
    sent: u32,
}

impl Batch {
    fn new(form: &Form) -> Self {
        Self {
            size: form.batch_size,
            left: form.frames.unwrap_or(u64::MAX),
            declared: 0,
            sent: 0,
        }
    }

    /// What goes before and after the next frame.
    fn frame(&mut self) -> (Option<Message>, Option<Message>) {
        if self.size <= 1 {
            return (None, None);
        }
        let start = (self.declared == 0).then(|| {
            self.declared =
                u32::try_from(self.left).map_or(self.size, |left| left.clamp(1, self.size));
            Message::BatchStart(self.declared)
        });
        self.left = self.left.saturating_sub(1);
        self.sent += 1;
        let end = if self.sent == self.declared {
            self.close()
        } else {
            None
        };
        (start, end)
    }

    /// Closes the batch that is open, with as many frames as it got.
    fn close(&mut self) -> Option<Message> {
        let open = self.declared > 0;
        self.declared = 0;
        let sent = std::mem::take(&mut self.sent);
        open.then_some(Message::BatchEnd(sent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn form(batch_size: u32, frames: Option<u64>) -> Form {
        Form {
            resize: None,
            jpeg_quality: None,
            batch_size,
            frames,
            max_frames: None,
            keep_pictures: false,
        }
    }

    /// `S4` and `E4` for markers, a dot for a frame.
    fn sequence(form: &Form, frames: usize) -> String {
        let mut batch = Batch::new(form);
        let mark = |item: Option<Message>| match item {
            Some(Message::BatchStart(n)) => format!("S{n}"),
            Some(Message::BatchEnd(n)) => format!("E{n}"),
            _ => String::new(),
        };
        let mut text = String::new();
        for _ in 0..frames {
            let (start, end) = batch.frame();
            text += &(mark(start) + "." + &mark(end));
        }
        text + &mark(batch.close())
    }

    #[test]
    fn a_last_batch_that_is_short_is_announced_so() {
        assert_eq!(sequence(&form(4, Some(6)), 6), "S4....E4S2..E2");
        assert_eq!(sequence(&form(4, Some(8)), 8), "S4....E4S4....E4");
    }

    #[test]
    fn a_source_that_ends_early_closes_its_batch_with_what_it_got() {
        assert_eq!(sequence(&form(4, None), 6), "S4....E4S4..E2");
        assert_eq!(sequence(&form(4, Some(3)), 5), "S3...E3S1.E1S1.E1");
    }

    #[test]
    fn single_frames_have_no_markers() {
        assert_eq!(sequence(&form(1, Some(3)), 3), "...");
    }
}
