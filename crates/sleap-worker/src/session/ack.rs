//! The worker's answers to STREAM_START.

use crate::metrics::Refused;
use crate::serve::MAX_LANES;
use protocol::{AckStatus, DecodeError, Skeleton, StreamAck};

/// The STREAM_ACK of a worker that is free. It answers every frame if it has a model.
pub(crate) fn ready(verification_mode: &str, model: Option<&pose::ModelDescription>) -> StreamAck {
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
            device: model.device.to_string(),
        }),
        skeleton: model.map(|model| Skeleton {
            name: model.skeleton.name.clone(),
            nodes: model.skeleton.nodes.clone(),
            edges: model.skeleton.edges.clone(),
        }),
        lanes: Some(MAX_LANES as u32),
        message: None,
    }
}

/// Another client is streaming, or the worker is about to end.
pub(super) fn busy(ready: &StreamAck, why: Refused) -> StreamAck {
    let message = match why {
        Refused::ShuttingDown => "the worker is shutting down",
        _ => "another client is streaming",
    };
    StreamAck {
        status: AckStatus::Busy,
        message: Some(message.into()),
        ..ready.clone()
    }
}

/// Something about this stream is wrong.
pub(super) fn error(message: String) -> StreamAck {
    StreamAck {
        status: AckStatus::Error,
        message: Some(message),
        worker_version: Some(env!("CARGO_PKG_VERSION").into()),
        ..StreamAck::default()
    }
}

/// Whether what cannot be read was a STREAM_START.
pub(super) fn is_due(error: &DecodeError) -> bool {
    const STREAM_START: &str = "STREAM_START";
    match error {
        DecodeError::Json { kind, .. } => *kind == STREAM_START,
        DecodeError::BatchTooLarge { word, .. } => *word == STREAM_START,
        _ => false,
    }
}
