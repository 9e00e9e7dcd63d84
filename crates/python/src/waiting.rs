//! Waits that Ctrl-C ends.

use std::time::{Duration, Instant};

use pyo3::prelude::*;

use crate::errors::{ExceptionKind, raised};

/// How soon Ctrl-C ends a wait.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(50);

/// The longest wait that is counted; a longer one has no end.
const MAX_WAIT_S: f64 = 1e9;

/// When a wait of so many seconds ends; `None`: never.
///
/// # Errors
/// It is no number of seconds.
pub(crate) fn deadline(py: Python<'_>, timeout: Option<f64>) -> PyResult<Option<Instant>> {
    let Some(seconds) = timeout else {
        return Ok(None);
    };
    if seconds.is_nan() || seconds < 0.0 {
        let message =
            format!("timeout={seconds}: give seconds from 0 on, or None to wait without end");
        return Err(raised(py, ExceptionKind::Option, message));
    }
    let counted = (seconds <= MAX_WAIT_S).then(|| Duration::from_secs_f64(seconds));
    Ok(counted.and_then(|wait| Instant::now().checked_add(wait)))
}

/// Waits without Python's lock, and lets Python handle signals between; `None` at the deadline. `attempt` waits until
/// the time that it is given.
///
/// # Errors
/// A signal's handler has raised an exception, such as `KeyboardInterrupt`.
pub(crate) fn wait<T: Send>(
    py: Python<'_>,
    deadline: Option<Instant>,
    mut attempt: impl FnMut(Instant) -> Option<T> + Send,
) -> PyResult<Option<T>> {
    loop {
        let slice = Instant::now() + SIGNAL_INTERVAL;
        let until = deadline.map_or(slice, |deadline| deadline.min(slice));
        if let Some(found) = py.detach(|| attempt(until)) {
            return Ok(Some(found));
        }
        if deadline.is_some_and(|deadline| deadline <= Instant::now()) {
            return Ok(None);
        }
        py.check_signals()?;
    }
}
