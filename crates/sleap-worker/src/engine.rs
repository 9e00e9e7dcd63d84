//! What the worker does with a decoded batch: run the model on it, or only account for it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use pose::FrameView;
use protocol::{FrameError, FrameId, FrameReceived, Message, Prediction, Timing};

use crate::pixels::Pixels;
use crate::session::Requester;

/// What answers frames.
pub(crate) enum Engine {
    Model(Box<pose::Model>),
    /// The verification worker: frames are decoded and counted.
    Verify,
    /// Fails as only a bug can.
    #[cfg(test)]
    Panic,
}

/// A frame that is ready for the engine, and who asked.
pub(crate) struct Decoded {
    pub(crate) frame_id: FrameId,
    pub(crate) pixels: Pixels,
    pub(crate) requester: Arc<Requester>,
    pub(crate) times: Times,
}

/// Where a frame's time in the worker went so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// From FRAME_META to FRAME_END.
    pub(crate) receive: Duration,
    /// When the frame was whole.
    pub(crate) received_at: Instant,
    pub(crate) decode: Duration,
}

impl Times {
    fn timing(&self, engine_started: Instant) -> Timing {
        let waited = engine_started.saturating_duration_since(self.received_at);
        Timing {
            receive_us: Some(micros(self.receive)),
            decode_us: Some(micros(self.decode)),
            queue_us: Some(micros(waited.saturating_sub(self.decode))),
            total_us: Some(micros(self.receive + self.received_at.elapsed())),
            ..Timing::default()
        }
    }
}

impl Engine {
    /// The loaded model, if there is one.
    pub(crate) fn model(&self) -> Option<&pose::ModelInfo> {
        match self {
            Engine::Model(model) => Some(model.info()),
            Engine::Verify => None,
            #[cfg(test)]
            Engine::Panic => None,
        }
    }

    /// The answers to a batch, one a frame in the batch's order.
    pub(crate) fn answer(&mut self, batch: &[Decoded]) -> Vec<Message> {
        let started = Instant::now();
        match self {
            Engine::Verify => batch
                .iter()
                .map(|decoded| received(decoded, started))
                .collect(),
            Engine::Model(model) => predict(model, batch, started),
            #[cfg(test)]
            Engine::Panic => panic!("asked for by a test"),
        }
    }
}

fn received(decoded: &Decoded, started: Instant) -> Message {
    Message::FrameReceived(FrameReceived {
        frame_id: decoded.frame_id,
        timing: decoded.times.timing(started),
    })
}

/// Runs the model on the whole batch in one call; if that fails, on each frame alone, so that a
/// frame which the model cannot take fails alone.
fn predict(model: &mut pose::Model, batch: &[Decoded], started: Instant) -> Vec<Message> {
    match run(model, batch) {
        Ok(predictions) => batch
            .iter()
            .zip(predictions)
            .map(|(decoded, prediction)| Message::Prediction(answer(decoded, prediction, started)))
            .collect(),
        Err(error) if batch.len() == 1 => vec![failure(batch[0].frame_id, error)],
        Err(error) => {
            tracing::debug!(%error, frames = batch.len(), "batch failed; running its frames alone");
            batch
                .iter()
                .flat_map(|decoded| predict(model, std::slice::from_ref(decoded), Instant::now()))
                .collect()
        }
    }
}

fn run(model: &mut pose::Model, batch: &[Decoded]) -> Result<Vec<pose::Prediction>, String> {
    let views = batch
        .iter()
        .map(|decoded| {
            let image = &decoded.pixels.image;
            FrameView::new(image.width, image.height, image.channels, &image.data)
                .map_err(|error| error.to_string())
        })
        .collect::<Result<Vec<_>, _>>()?;
    model.predict(&views).map_err(|error| error.to_string())
}

fn answer(decoded: &Decoded, prediction: pose::Prediction, started: Instant) -> Prediction {
    let mut timing = decoded.times.timing(started);
    timing.preprocess_us = Some(micros(prediction.timing.preprocess));
    timing.inference_us = Some(micros(prediction.timing.inference));
    timing.postprocess_us = Some(micros(prediction.timing.postprocess));
    let mut answer = Prediction {
        frame_id: decoded.frame_id,
        timing,
        ..Prediction::default()
    };
    let tracked = prediction
        .instances
        .iter()
        .any(|instance| instance.track.is_some());
    for instance in prediction.instances {
        answer.confidence.push(
            instance
                .confidence
                .iter()
                .map(|value| value.is_finite().then_some(*value))
                .collect(),
        );
        answer
            .instance_scores
            .push(instance.score.is_finite().then_some(instance.score));
        answer.instances.push(instance.points);
        if tracked {
            answer.tracks.push(instance.track);
        }
    }
    answer
}

/// The answer to a frame that could not be used.
pub(crate) fn failure(frame_id: FrameId, message: String) -> Message {
    Message::Error(FrameError {
        frame_id: Some(frame_id),
        message,
    })
}

pub(crate) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
