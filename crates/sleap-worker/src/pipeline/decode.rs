//! The first stage: from bytes to the model's input, on several threads.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pose::{FrameView, Prepared, Preparer};
use tracking::flow::{Picture, Pyramid};

use super::buffer_pool::BufferPool;
use super::frames::{DecodeTask, DecodedFrame, FrameJob};
use super::needs::{FrameNeeds, FrameSelector};
use super::stream_queues::StreamQueues;
use crate::frame_decoder::{FrameDecodeError, FrameDecoder};
use crate::replies::result::{FrameTimes, failure};
use crate::streams::ResultRoute;

/// What a frame is decoded to.
struct DecodedInput {
    /// Empty without a model.
    input: Prepared,
    /// What the tracker sees of it, where it looks at pictures.
    seen: Option<Pyramid>,
    /// How long its decoding took.
    decode: Duration,
}

/// What one thread of the stage works with.
pub(super) struct DecodeStage {
    pub(super) decoder: FrameDecoder,
    /// `None` without a model.
    pub(super) preparer: Option<Preparer>,
    pub(super) buffers: BufferPool,
    pub(super) needs: FrameNeeds,
    pub(super) selectors: Vec<Arc<dyn FrameSelector>>,
}

impl DecodeStage {
    /// Decodes frames until no more can come.
    pub(super) fn run(mut self, queues: &Arc<StreamQueues>) {
        // A frame without a result leaves its place in the order of its stream when `place` is dropped.
        while let Some((place, task)) = queues.next_job() {
            if task.route.leaves_a_frame() {
                continue;
            }
            match self.input(&task) {
                Ok(input) => {
                    let decoded = self.decoded(task, input);
                    self.decoder.let_go();
                    place.fill(decoded);
                }
                Err(error) => {
                    self.decoder.let_go();
                    let frame_id = task.job.frame.meta.frame_id;
                    tracing::debug!(frame_id, %error, "frame cannot be decoded");
                    let failed = failure(frame_id, error.to_string());
                    task.route.answer(task.reply, failed);
                }
            }
        }
    }

    /// The model's input of a frame, or the check of one that no model looks at.
    fn input(&mut self, task: &DecodeTask) -> Result<DecodedInput, FrameDecodeError> {
        let frame = &task.job.frame;
        let start = Instant::now();
        let Some(preparer) = &mut self.preparer else {
            self.decoder.check(frame)?;
            return Ok(DecodedInput {
                input: Prepared::default(),
                seen: None,
                decode: start.elapsed(),
            });
        };
        let view = self.decoder.view(frame, preparer.is_gray())?;
        let decode = start.elapsed();
        let mut input = self.buffers.take();
        preparer.prepare(&view, &mut input);
        Ok(DecodedInput {
            input,
            seen: picture_of(&view, &task.route),
            decode,
        })
    }

    /// The frame with what the sinks need of it.
    fn decoded(&mut self, task: DecodeTask, input: DecodedInput) -> DecodedFrame {
        let DecodeTask {
            job,
            route,
            reply,
            live,
            undecoded: _until_decoded,
        } = task;
        let FrameJob {
            frame,
            receive,
            received_at,
        } = job;
        let DecodedInput {
            input,
            seen,
            decode,
        } = input;
        let needs = match route.is_aside() {
            true => FrameNeeds::default(),
            false => self.needs,
        };
        // A frame that cannot be displayed can still have poses.
        let content = match needs.content {
            true => self.decoder.content(&frame).ok(),
            false => None,
        };
        let selectors = self.selectors.iter().filter(|_| !route.is_aside());
        let selected = selectors.filter_map(|it| it.select(&frame, &route));
        let selected = selected.collect();
        let meta = &frame.meta;
        DecodedFrame {
            frame_id: meta.frame_id,
            size: (meta.width, meta.height),
            channels: meta.channels,
            captured_us: meta.captured_us,
            clock: meta.clock,
            input,
            seen,
            frame: needs.frame.then_some(frame),
            content,
            selected,
            route,
            reply,
            times: FrameTimes {
                receive,
                received_at,
                decode,
                ready_at: Instant::now(),
            },
            _live: live,
        }
    }
}

/// What the tracker sees of a frame; `None` where it does not look at pictures.
fn picture_of(view: &FrameView<'_>, route: &ResultRoute) -> Option<Pyramid> {
    let options = route.flow()?;
    let (width, height) = (view.width(), view.height());
    let picture = Picture::new(width, height, view.channels(), view.data());
    Some(Pyramid::new(&picture.ok()?, options))
}
