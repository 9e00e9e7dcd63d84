//! What frames are answered with.

use std::time::{Duration, Instant};

use protocol::{FrameError, FrameId, FrameReceived, Message, Prediction, Timing};

/// Where a frame's time in the worker went before the model.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// From FRAME_META to FRAME_END.
    pub(crate) receive: Duration,
    /// When the frame was whole.
    pub(crate) received_at: Instant,
    pub(crate) decode: Duration,
    /// Decoded and prepared, it waits for the model.
    pub(crate) ready_at: Instant,
}

impl Times {
    /// With the model's call beginning at `started`.
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

/// The answer of a worker without a model.
pub(crate) fn received(frame_id: FrameId, times: &Times, started: Instant) -> Message {
    Message::FrameReceived(FrameReceived {
        frame_id,
        timing: times.timing(started),
    })
}

/// The answer of a model whose call began at `started`.
pub(crate) fn prediction(
    frame_id: FrameId,
    times: &Times,
    started: Instant,
    prediction: pose::FramePrediction,
) -> Message {
    let mut timing = times.timing(started);
    timing.preprocess_us = Some(micros(prediction.timing.preprocess));
    timing.inference_us = Some(micros(prediction.timing.inference));
    timing.postprocess_us = Some(micros(prediction.timing.postprocess));
    let mut answer = Prediction {
        frame_id,
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
    Message::Prediction(answer)
}

/// The answer to a frame that could not be used.
pub(crate) fn failure(frame_id: FrameId, message: String) -> Message {
    Message::Error(FrameError {
        frame_id: Some(frame_id),
        message,
    })
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
