//! A stream whose frames Python hands in.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use pyo3::prelude::*;
use pyo3::types::PyDict;
use sleap_stream::{
    ConnectedWorker, PushError, PushedConfig, PushedFrame, PushedStream, ResultUse, Ticket,
};

use crate::errors::{ExceptionKind, push_error, raised};
use crate::frames::{ArrayForm, ArrayFrame};
use crate::options::keywords;
use crate::poses::{self, NodeNames, Pose};
use crate::process::OfProcess;
use crate::ticket::{self, NativeTicket};
use crate::waiting::{deadline, wait};

/// How long a summary is waited for; then the last one is given.
const SUMMARY_TIMEOUT: f64 = 2.0;

/// A stream whose frames Python hands in.
#[pyclass(frozen, weakref, module = "sleap_stream._native")]
pub(crate) struct NativeStream {
    stream: OfProcess<PushedStream>,
    worker: ConnectedWorker,
    nodes: Arc<NodeNames>,
    rgb: bool,
    bits: u8,
}

#[pymethods]
impl NativeStream {
    /// Connects to a worker.
    #[new]
    #[pyo3(signature = (options, every_frame, name, rgb, bits, timeout))]
    fn new(
        py: Python<'_>,
        options: &Bound<'_, PyDict>,
        every_frame: bool,
        name: &str,
        rgb: bool,
        bits: u8,
        timeout: Option<f64>,
    ) -> PyResult<Self> {
        let deadline = deadline(py, timeout)?;
        let keywords = keywords(options)?;
        let config = py
            .detach(|| PushedConfig::new(name, every_frame, &keywords))
            .map_err(|error| raised(py, ExceptionKind::Option, error.to_string()))?;
        let stream = py.detach(|| PushedStream::begin(config));
        let stream =
            stream.map_err(|error| raised(py, ExceptionKind::Stream, format!("{error:#}")))?;
        let connected = wait(py, deadline, |until| stream.connected(Some(until)))?;
        let worker = match connected {
            Some(Ok(worker)) => worker,
            Some(Err(error)) => {
                return Err(raised(py, ExceptionKind::Connect, format!("{error:#}")));
            }
            None => {
                let seconds = timeout.unwrap_or_default();
                let message = format!("no worker was ready within {seconds} s");
                return Err(raised(py, ExceptionKind::Timeout, message));
            }
        };
        let skeleton = worker.skeleton.as_ref();
        let names = skeleton.map_or(&[][..], |skeleton| &skeleton.nodes);
        Ok(Self {
            nodes: Arc::new(NodeNames::new(py, names)?),
            stream: OfProcess::new(stream),
            worker,
            rgb,
            bits,
        })
    }

    /// Hands a frame in and waits for its poses.
    #[pyo3(signature = (frame, captured_at, timeout))]
    fn predict(
        &self,
        py: Python<'_>,
        frame: &Bound<'_, PyAny>,
        captured_at: Option<f64>,
        timeout: Option<f64>,
    ) -> PyResult<Pose> {
        let until = deadline(py, timeout)?;
        let ticket = self.push(frame, captured_at, false, ResultUse::Ticket, timeout)?;
        let outcome = wait(py, until, |until| ticket.wait(Some(until)))?;
        match outcome {
            Some(outcome) => ticket::pose(py, ticket.frame_id(), &outcome, &self.nodes),
            None => Err(ticket::late(py, ticket.frame_id(), timeout)),
        }
    }

    /// Hands a frame in. Where every frame is sent it waits for room.
    #[pyo3(signature = (frame, captured_at, copy, timeout))]
    fn send(
        &self,
        frame: &Bound<'_, PyAny>,
        captured_at: Option<f64>,
        copy: bool,
        timeout: Option<f64>,
    ) -> PyResult<NativeTicket> {
        let ticket = self.push(frame, captured_at, copy, ResultUse::Queue, timeout)?;
        Ok(NativeTicket::new(ticket, Arc::clone(&self.nodes)))
    }

    /// The next poses of frames that were sent. A tuple: whether there may be more, and the poses or None.
    #[pyo3(signature = (timeout))]
    fn next_pose(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<(bool, Option<Pose>)> {
        let stream = self.stream.get(py)?;
        let until = deadline(py, timeout)?;
        let next = wait(py, until, |until| stream.next_poses(Some(until)))?;
        Ok(match next {
            None => (true, None),
            Some(None) => (false, None),
            Some(Some(poses)) => (true, Some(poses::of_stream(py, &poses, &self.nodes)?)),
        })
    }

    /// Poses that gave way to newer ones before they were taken.
    fn missed_poses(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(self.stream.get(py)?.missed_poses())
    }

    /// Waits for anything to happen since the call that returned `seen`.
    fn wait_for_change(&self, py: Python<'_>, seen: u64, timeout: Option<f64>) -> PyResult<u64> {
        let stream = self.stream.get(py)?;
        let until = deadline(py, timeout)?;
        let changed = wait(py, until, |until| {
            let now = stream.wait_for_change(seen, Some(until));
            (now != seen).then_some(now)
        })?;
        Ok(changed.unwrap_or(seen))
    }

    /// The summary, as JSON.
    fn summary(&self, py: Python<'_>) -> PyResult<Option<String>> {
        let stream = self.stream.get(py)?;
        let until = deadline(py, Some(SUMMARY_TIMEOUT))?;
        let summary = py.detach(|| stream.summary(until));
        Ok(summary.map(|summary| summary.to_string()))
    }

    /// No frame follows.
    fn end(&self, py: Python<'_>) -> PyResult<()> {
        let stream = self.stream.get(py)?;
        py.detach(|| stream.end());
        Ok(())
    }

    /// Ends the stream at once.
    fn interrupt(&self, py: Python<'_>) -> PyResult<()> {
        let stream = self.stream.get(py)?;
        py.detach(|| stream.interrupt());
        Ok(())
    }

    /// Whether the stream has ended.
    fn is_over(&self, py: Python<'_>) -> PyResult<bool> {
        let now = Some(Instant::now());
        Ok(self.stream.get(py)?.ended(now).is_some())
    }

    /// Waits until the stream has ended; false where it has not in time.
    #[pyo3(signature = (timeout))]
    fn ended(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        let stream = self.stream.get(py)?;
        let until = deadline(py, timeout)?;
        match wait(py, until, |until| stream.ended(Some(until)))? {
            None => Ok(false),
            Some(Ok(())) => Ok(true),
            Some(Err(error)) => Err(raised(py, ExceptionKind::Stream, format!("{error:#}"))),
        }
    }

    /// Which worker it is.
    #[getter]
    fn worker(&self) -> &str {
        &self.worker.name
    }

    /// The worker's model: its name, kind, height, width, channels and device.
    #[getter]
    fn model(&self) -> Option<(&str, &str, u32, u32, u32, &str)> {
        let model = self.worker.model.as_ref()?;
        let (height, width, channels) = (model.height, model.width, model.channels);
        Some((
            &model.name,
            &model.kind,
            height,
            width,
            channels,
            &model.device,
        ))
    }

    /// The names of the nodes.
    #[getter]
    fn node_names(&self, py: Python<'_>) -> Py<PyAny> {
        self.nodes.names.clone_ref(py)
    }

    /// The edges, as pairs of indices of nodes.
    #[getter]
    fn edges(&self) -> Vec<(u32, u32)> {
        let skeleton = self.worker.skeleton.as_ref();
        let edges = skeleton.map_or(&[][..], |skeleton| &skeleton.edges);
        edges.iter().map(|[from, to]| (*from, *to)).collect()
    }
}

impl NativeStream {
    fn push(
        &self,
        frame: &Bound<'_, PyAny>,
        captured_at: Option<f64>,
        copy: bool,
        results: ResultUse,
        timeout: Option<f64>,
    ) -> PyResult<Ticket> {
        let py = frame.py();
        let stream = self.stream.get(py)?;
        let until = deadline(py, timeout)?;
        let form = ArrayForm {
            rgb: self.rgb,
            bits: self.bits,
            copy,
        };
        let frame = PushedFrame {
            content: ArrayFrame::new(frame)?.content(py, form)?,
            captured_at: captured_at.map(|at| time(py, at)).transpose()?,
        };
        let pushed = wait(py, until, |slice| {
            // Sharing the pixels costs nothing.
            match stream.push(frame.clone(), results, Some(slice)) {
                Err(PushError::Full) => None,
                pushed => Some(pushed),
            }
        })?;
        let pushed = pushed.unwrap_or(Err(PushError::Full));
        pushed.map_err(|error| push_error(py, &error))
    }
}

/// Seconds since 1970, as `time.time()` has them.
fn time(py: Python<'_>, seconds: f64) -> PyResult<SystemTime> {
    let since = Duration::try_from_secs_f64(seconds).ok();
    let at = since.and_then(|since| UNIX_EPOCH.checked_add(since));
    at.ok_or_else(|| {
        let message =
            format!("captured_at={seconds}: give seconds since 1970, as time.time() has them");
        raised(py, ExceptionKind::Option, message)
    })
}
