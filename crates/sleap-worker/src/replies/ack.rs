//! STREAM_ACK: what the worker replies to STREAM_START.

use super::{MAX_LANES, MAX_SHARD_LANES};
use crate::metrics::StreamRefusal;
use protocol::{AckStatus, DecodeError, Skeleton, StreamAck};

/// What the worker does with pictures beside finding poses.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pictures {
    /// People look at streams here.
    pub(crate) are_shown: bool,
    /// They are shown, kept or compared in the colours that they come in.
    pub(crate) need_colours: bool,
}

/// The STREAM_ACK of a worker that is free. With a model every frame gets a result. `tracker`: what tells
/// animals apart.
pub(crate) fn ready(
    verification_mode: &str,
    model: Option<&pose::ModelDescription>,
    tracker: Option<&str>,
    pictures: Pictures,
) -> StreamAck {
    StreamAck {
        status: AckStatus::Ready,
        verification_mode: verification_mode.into(),
        answers: model.is_some(),
        heartbeat: false,
        worker_version: Some(env!("CARGO_PKG_VERSION").into()),
        model: model.map(|model| protocol::ModelInfo {
            name: model.name.clone(),
            kind: model.kind.to_string(),
            height: model.input.height,
            width: model.input.width,
            channels: model.input.channels,
            device: model.runs_on.to_string(),
        }),
        skeleton: model.map(|model| Skeleton {
            name: model.skeleton.name.clone(),
            nodes: model.skeleton.nodes.clone(),
            edges: model.skeleton.edges.clone(),
        }),
        tracker: tracker.map(str::to_owned),
        shows_rules: pictures.are_shown,
        gray_frames: !pictures.need_colours && model.is_some_and(|model| model.input.channels == 1),
        lanes: Some(MAX_LANES as u32),
        shard_lanes: Some(MAX_SHARD_LANES as u32),
        late_shards: true,
        queue_position: None,
        expected_fps: None,
        message: None,
    }
}

/// All streams that the worker serves at a time run, `max` of them, or it is about to end. `position` is the place in
/// the queue.
pub(crate) fn busy(
    ready: &StreamAck,
    why: StreamRefusal,
    max: usize,
    position: usize,
) -> StreamAck {
    let message = match (why, max) {
        (StreamRefusal::ShuttingDown, _) => "the worker is shutting down".to_owned(),
        (_, 1) => "another client is streaming".to_owned(),
        (_, max) => format!("{max} clients are streaming, as many as it serves at a time"),
    };
    let is_queued = !matches!(why, StreamRefusal::ShuttingDown);
    StreamAck {
        status: AckStatus::Busy,
        queue_position: is_queued.then(|| u32::try_from(position).unwrap_or(u32::MAX)),
        message: Some(message),
        ..ready.clone()
    }
}

/// There is no room for the stream now, for this reason; it would have got so many frames a second.
pub(crate) fn no_room(ready: &StreamAck, reason: String, expected_fps: f64) -> StreamAck {
    StreamAck {
        status: AckStatus::Busy,
        expected_fps: Some(expected_fps),
        message: Some(reason),
        ..ready.clone()
    }
}

/// The stream is refused because of this.
pub(crate) fn error(message: String) -> StreamAck {
    StreamAck {
        status: AckStatus::Error,
        message: Some(message),
        worker_version: Some(env!("CARGO_PKG_VERSION").into()),
        ..StreamAck::default()
    }
}

/// Whether the message that cannot be read was a STREAM_START.
pub(crate) fn is_due(error: &DecodeError) -> bool {
    const STREAM_START: &str = "STREAM_START";
    match error {
        DecodeError::Json { kind, .. } => *kind == STREAM_START,
        DecodeError::BatchTooLarge { word, .. } => *word == STREAM_START,
        _ => false,
    }
}
