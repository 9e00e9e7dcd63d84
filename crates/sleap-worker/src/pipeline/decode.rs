//! The first stage: from bytes to the model's input, on several threads.

use std::sync::Arc;
use std::time::Instant;

use pose::{FrameView, Prepared, Preparer};
use protocol::{Frame, FrameId};
use tokio::sync::{OwnedSemaphorePermit, oneshot};
use vision::capture::FrameContent;

use super::Job;
use super::live::Entered;
use super::spare::Spare;
use crate::answer::{Times, failure};
use crate::pixels::Decoder;
use crate::session::Requester;
use crate::view::{Claim, Hub};

/// A frame that is ready for the model, and who asked.
pub(crate) struct Decoded {
    pub(crate) frame_id: FrameId,
    /// Width and height as sent, pixels.
    pub(crate) size: (u32, u32),
    /// By the client's clock, microseconds since the Unix epoch.
    pub(crate) captured_us: Option<u64>,
    /// Empty without a model.
    pub(crate) input: Prepared,
    /// As it arrived, where samples are saved.
    pub(crate) frame: Option<Frame>,
    /// As a picture, where it is shown.
    pub(crate) picture: Option<FrameContent>,
    /// Where viewers will see it; they have one at a time.
    pub(crate) claim: Option<Claim>,
    pub(crate) requester: Arc<Requester>,
    pub(crate) times: Times,
    /// Counts it among the frames of streams until it is answered.
    pub(super) _live: Option<Entered>,
}

impl Decoded {
    /// What it takes of the memory.
    pub(super) fn bytes(&self) -> usize {
        let frame = self.frame.as_ref().map_or(0, |frame| frame.data.len());
        let picture = match &self.picture {
            Some(FrameContent::Pixels(image)) => image.data.len(),
            Some(FrameContent::Jpeg(jpeg)) => jpeg.data.len(),
            None => 0,
        };
        self.input.bytes() + frame + picture
    }
}

/// A frame, and the place in the stream's order that waits for it.
pub(super) struct Task {
    pub(super) job: Job,
    /// `None`: it is of a file.
    pub(super) live: Option<Entered>,
    pub(super) place: oneshot::Sender<Decoded>,
    /// Given back once the frame is decoded.
    pub(super) permit: OwnedSemaphorePermit,
}

/// What one thread of the stage works with.
pub(super) struct Stage {
    pub(super) decoder: Decoder,
    /// `None` without a model.
    pub(super) preparer: Option<Preparer>,
    pub(super) spare: Spare,
    pub(super) keep_frames: bool,
    pub(super) keep_pictures: bool,
    pub(super) view: Option<Arc<Hub>>,
}

impl Stage {
    pub(super) fn run(mut self, tasks: &crossbeam_channel::Receiver<Task>) {
        for task in tasks {
            let Task {
                job,
                live,
                place,
                permit,
            } = task;
            let _until_decoded = permit;
            if job.requester.leaves_a_frame() {
                continue;
            }
            let frame_id = job.frame.meta.frame_id;
            let requester = Arc::clone(&job.requester);
            let decoded = self.decode(job, live);
            self.decoder.let_go();
            match decoded {
                // Nobody waits for it only where the pipeline ends.
                Ok(decoded) => drop(place.send(decoded)),
                Err(reason) => {
                    tracing::debug!(frame_id, %reason, "frame cannot be decoded");
                    requester.answer(failure(frame_id, reason));
                }
            }
        }
    }

    fn decode(&mut self, job: Job, live: Option<Entered>) -> Result<Decoded, String> {
        let Job {
            frame,
            receive,
            received_at,
            requester,
        } = job;
        let mut input = Prepared::default();
        let start = Instant::now();
        let decode = match &mut self.preparer {
            Some(preparer) => {
                let view = self.decoder.view(&frame, preparer.is_gray())?;
                let decode = start.elapsed();
                input = self.spare.take();
                preparer.prepare(&view, &mut input);
                decode
            }
            None => {
                let _: FrameView<'_> = self.decoder.view(&frame, false)?;
                start.elapsed()
            }
        };
        // A frame that cannot be looked at can still have poses.
        let is_seen = !requester.is_aside();
        let picture = match self.keep_pictures && is_seen {
            true => self.decoder.picture(&frame).ok(),
            false => None,
        };
        let view = self.view.as_ref().filter(|_| is_seen);
        let claim = view.and_then(|view| view.claim(&frame));
        let meta = &frame.meta;
        Ok(Decoded {
            frame_id: meta.frame_id,
            size: (meta.width, meta.height),
            captured_us: meta.captured_us,
            input,
            frame: (self.keep_frames && is_seen).then_some(frame),
            picture,
            claim,
            requester,
            times: Times {
                receive,
                received_at,
                decode,
                ready_at: Instant::now(),
            },
            _live: live,
        })
    }
}

#[cfg(test)]
impl Decoded {
    /// A frame of two pixels.
    pub(crate) fn example(frame_id: FrameId, requester: &Arc<Requester>) -> Self {
        let now = Instant::now();
        Self {
            frame_id,
            size: (2, 1),
            captured_us: None,
            input: Prepared::default(),
            frame: None,
            picture: Some(FrameContent::Pixels(
                vision::Image::new(2, 1, 1, vec![1, 2]).expect("two pixels"),
            )),
            claim: None,
            requester: Arc::clone(requester),
            times: Times {
                receive: std::time::Duration::ZERO,
                received_at: now,
                decode: std::time::Duration::ZERO,
                ready_at: now,
            },
            _live: None,
        }
    }
}
