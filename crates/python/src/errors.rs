//! Exceptions, whose classes are in `sleap_stream/_errors.py`.

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use sleap_stream::{FrameOutcome, PushError};

/// The kinds of exceptions, by the names of their classes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ExceptionKind {
    /// An option is not known or has no usable value.
    Option,
    /// No worker was found, or it did not take the stream.
    Connect,
    /// The stream has failed.
    Stream,
    /// The stream takes no frame any more.
    Closed,
    /// An array is no frame.
    Format,
    /// The worker could not use a frame.
    Frame,
    /// A newer frame has taken its place.
    Replaced,
    /// A frame has no result.
    Lost,
    /// It took longer than the caller waits.
    Timeout,
    /// A model cannot be used.
    Model,
    /// A worker has failed.
    Worker,
    /// The process is a fork of the one that made the object.
    Fork,
}

impl ExceptionKind {
    fn class(self) -> &'static str {
        match self {
            Self::Option => "OptionError",
            Self::Connect => "ConnectError",
            Self::Stream => "StreamError",
            Self::Closed => "StreamClosedError",
            Self::Format => "FrameFormatError",
            Self::Frame => "FrameError",
            Self::Replaced => "FrameReplacedError",
            Self::Lost => "FrameLostError",
            Self::Timeout => "StreamTimeoutError",
            Self::Model => "ModelError",
            Self::Worker => "WorkerError",
            Self::Fork => "ForkError",
        }
    }
}

/// An exception of this kind.
pub(crate) fn raised(py: Python<'_>, kind: ExceptionKind, message: impl Into<String>) -> PyErr {
    let message = message.into();
    let class = py
        .import("sleap_stream._errors")
        .and_then(|module| module.getattr(kind.class()));
    match class.and_then(|class| class.call1((message.clone(),))) {
        Ok(exception) => PyErr::from_value(exception),
        // The interpreter is ending.
        Err(_) => PyRuntimeError::new_err(message),
    }
}

/// Why a frame was not taken.
pub(crate) fn push_error(py: Python<'_>, error: &PushError) -> PyErr {
    let kind = match error {
        PushError::Full => ExceptionKind::Timeout,
        PushError::Ended(_) => ExceptionKind::Closed,
        PushError::TooLarge(_) => ExceptionKind::Format,
    };
    raised(py, kind, error.to_string())
}

/// Why a frame has no poses; `None` where it has.
pub(crate) fn outcome_error(py: Python<'_>, id: u64, outcome: &FrameOutcome) -> Option<PyErr> {
    let (kind, message) = match outcome {
        FrameOutcome::Poses(_) => return None,
        FrameOutcome::Replaced => (
            ExceptionKind::Replaced,
            format!("frame {id} was not sent: a newer frame has taken its place"),
        ),
        FrameOutcome::Failed(why) => (
            ExceptionKind::Frame,
            format!("frame {id} has no poses: {why}"),
        ),
        FrameOutcome::Lost(why) => (
            ExceptionKind::Lost,
            format!("frame {id} has no result: {why}"),
        ),
    };
    Some(raised(py, kind, message))
}
