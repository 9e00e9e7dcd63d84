//! A worker inside of the Python process.

use std::time::Instant;

use pyo3::prelude::*;
use pyo3::types::PyDict;
use sleap_worker::{EmbeddedWorker, WorkerAddress};

use crate::errors::{ExceptionKind, raised};
use crate::options::keywords;
use crate::process::OfProcess;
use crate::waiting::{deadline, wait};

/// A worker inside of the Python process.
#[pyclass(frozen, weakref, module = "sleap_stream._native")]
pub(crate) struct NativeWorker {
    worker: OfProcess<EmbeddedWorker>,
    address: WorkerAddress,
}

#[pymethods]
impl NativeWorker {
    /// Starts a worker and waits until it is ready; `options` are those of its command line.
    #[new]
    #[pyo3(signature = (options, timeout))]
    fn new(py: Python<'_>, options: &Bound<'_, PyDict>, timeout: Option<f64>) -> PyResult<Self> {
        let until = deadline(py, timeout)?;
        let options = keywords(options)?;
        let started = py.detach(|| EmbeddedWorker::start(&options));
        let worker =
            started.map_err(|error| raised(py, ExceptionKind::Option, error.to_string()))?;
        match wait(py, until, |until| worker.ready(Some(until)))? {
            Some(Ok(address)) => Ok(Self {
                worker: OfProcess::new(worker),
                address,
            }),
            Some(Err(error)) => {
                let lines = cli::in_lines(error.as_ref().as_ref()).0;
                Err(raised(py, ExceptionKind::Worker, lines.join("\n")))
            }
            None => {
                let seconds = timeout.unwrap_or_default();
                let message = format!("the worker was not ready within {seconds} s");
                Err(raised(py, ExceptionKind::Timeout, message))
            }
        }
    }

    #[getter]
    fn link(&self) -> Option<&str> {
        self.address.link.as_deref()
    }

    #[getter]
    fn signal(&self) -> &str {
        &self.address.signal
    }

    /// Begins to end the worker.
    fn interrupt(&self, py: Python<'_>) -> PyResult<()> {
        self.worker.get(py)?.stop();
        Ok(())
    }

    /// Whether the worker has ended.
    fn is_over(&self, py: Python<'_>) -> PyResult<bool> {
        let now = Some(Instant::now());
        Ok(self.worker.get(py)?.ended(now).is_some())
    }

    /// Waits until the worker has ended; false where it has not in time.
    #[pyo3(signature = (timeout))]
    fn ended(&self, py: Python<'_>, timeout: Option<f64>) -> PyResult<bool> {
        let worker = self.worker.get(py)?;
        let until = deadline(py, timeout)?;
        match wait(py, until, |until| worker.ended(Some(until)))? {
            None => Ok(false),
            Some(Ok(())) => Ok(true),
            Some(Err(error)) => Err(raised(py, ExceptionKind::Worker, format!("{error:#}"))),
        }
    }
}
