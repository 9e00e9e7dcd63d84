//! The result of a frame: a prediction, a confirmation, or an error.

use std::time::{Duration, Instant};

use protocol::{FrameError, FrameId, FrameReceived, Message, Prediction, Timing};

/// A frame's times in the worker before the model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FrameTimes {
    /// From FRAME_META to FRAME_END.
    pub(crate) receive: Duration,
    /// When the frame was complete.
    pub(crate) received_at: Instant,
    /// How long decoding took.
    pub(crate) decode: Duration,
    /// Since when the decoded frame waits for the model.
    pub(crate) ready_at: Instant,
}

impl FrameTimes {
    /// The times of a frame whose call of the model began at `started`.
    fn timing(&self, started: Instant) -> Timing {
        Timing {
            receive_us: Some(micros(self.receive)),
            decode_us: Some(micros(self.decode)),
            queue_us: Some(micros(started.saturating_duration_since(self.ready_at))),
            total_us: Some(micros(self.receive + self.received_at.elapsed())),
            ..Timing::default()
        }
    }
}

/// The result of a worker without a model.
pub(crate) fn received(frame_id: FrameId, times: &FrameTimes, started: Instant) -> Message {
    Message::FrameReceived(FrameReceived {
        frame_id,
        timing: times.timing(started),
    })
}

/// The result of a model whose call began at `started`.
pub(crate) fn prediction(
    frame_id: FrameId,
    times: &FrameTimes,
    started: Instant,
    prediction: pose::FramePrediction,
) -> Message {
    let mut timing = times.timing(started);
    timing.preprocess_us = Some(micros(prediction.timing.preprocess));
    timing.inference_us = Some(micros(prediction.timing.inference));
    timing.postprocess_us = Some(micros(prediction.timing.postprocess));
    let mut result = Prediction {
        frame_id,
        timing,
        ..Prediction::default()
    };
    let tracked = prediction
        .instances
        .iter()
        .any(|instance| instance.track.is_some());
    for instance in prediction.instances {
        result.confidence.push(
            instance
                .confidence
                .iter()
                .map(|value| value.is_finite().then_some(*value))
                .collect(),
        );
        result
            .instance_scores
            .push(instance.score.is_finite().then_some(instance.score));
        result.instances.push(instance.points);
        if tracked {
            result.tracks.push(instance.track);
        }
    }
    Message::Prediction(result)
}

/// The result of a frame that could not be used.
pub(crate) fn failure(frame_id: FrameId, message: String) -> Message {
    Message::Error(FrameError {
        frame_id: Some(frame_id),
        message,
    })
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
