//! A frame that was handed in, until its poses are here.

use std::sync::Arc;

use pyo3::prelude::*;
use sleap_stream::{FrameOutcome, Ticket};

use crate::errors::{ExceptionKind, outcome_error, raised};
use crate::poses::{self, NodeNames, Pose};
use crate::process::OfProcess;
use crate::waiting::{deadline, wait};

/// A frame that was handed in.
#[pyclass(frozen, module = "sleap_stream._native")]
pub(crate) struct NativeTicket {
    ticket: OfProcess<Ticket>,
    nodes: Arc<NodeNames>,
}

impl NativeTicket {
    pub(crate) fn new(ticket: Ticket, nodes: Arc<NodeNames>) -> Self {
        Self {
            ticket: OfProcess::new(ticket),
            nodes,
        }
    }
}

#[pymethods]
impl NativeTicket {
    #[getter]
    fn frame_id(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(self.ticket.get(py)?.frame_id())
    }

    /// Whether it is known what became of the frame.
    fn done(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.ticket.get(py)?.outcome().is_some())
    }

    /// Waits for the poses.
    #[pyo3(signature = (timeout=None))]
    fn result(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<Pose> {
        let ticket = self.ticket.get(py)?;
        let deadline = deadline(py, timeout)?;
        let outcome = wait(py, deadline, |until| ticket.wait(Some(until)))?;
        match outcome {
            Some(outcome) => pose(py, ticket.frame_id(), &outcome, &self.nodes),
            None => Err(late(py, ticket.frame_id(), timeout)),
        }
    }
}

/// The poses of a frame.
///
/// # Errors
/// It has none.
pub(crate) fn pose(
    py: Python<'_>,
    id: u64,
    outcome: &FrameOutcome,
    nodes: &NodeNames,
) -> PyResult<Pose> {
    match outcome {
        FrameOutcome::Poses(poses) => poses::of_stream(py, poses, nodes),
        other => Err(outcome_error(py, id, other).unwrap_or_else(|| {
            raised(py, ExceptionKind::Lost, format!("frame {id} has no result"))
        })),
    }
}

/// The poses are not here in time.
pub(crate) fn late(py: Python<'_>, id: u64, timeout: Option<f64>) -> PyErr {
    let seconds = timeout.unwrap_or_default();
    let message =
        format!("frame {id} has no result after {seconds} s; give a longer timeout to wait for it");
    raised(py, ExceptionKind::Timeout, message)
}
