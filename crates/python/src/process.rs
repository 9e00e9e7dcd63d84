//! Objects that belong to one process.

use pyo3::prelude::*;

use crate::errors::{ExceptionKind, raised};

/// A value that only the process that made it may use: threads that it needs do not exist in a fork of that.
pub(crate) struct OfProcess<T> {
    pid: u32,
    /// There until this is dropped.
    value: Option<T>,
}

impl<T> OfProcess<T> {
    pub(crate) fn new(value: T) -> Self {
        Self {
            pid: std::process::id(),
            value: Some(value),
        }
    }

    /// The value.
    ///
    /// # Errors
    /// This process is a fork of the one that made it.
    pub(crate) fn get(&self, py: Python<'_>) -> PyResult<&T> {
        let (here, pid) = (std::process::id(), self.pid);
        match &self.value {
            Some(value) if pid == here => Ok(value),
            _ => Err(raised(
                py,
                ExceptionKind::Fork,
                format!(
                    "this object belongs to process {pid}, and process {here} is a fork of that, in which its \
                     threads do not exist. Start processes with multiprocessing's method 'spawn', and open \
                     streams, workers and models there"
                ),
            )),
        }
    }
}

impl<T> Drop for OfProcess<T> {
    fn drop(&mut self) {
        // In a fork a lock may be held by a thread that does not exist there: the value is left as it is.
        if self.pid != std::process::id() {
            std::mem::forget(self.value.take());
        }
    }
}
