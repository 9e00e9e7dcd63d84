//! The log, handed to Python's `logging`.

use std::sync::OnceLock;
use std::sync::mpsc::{SyncSender, sync_channel};

use pyo3::prelude::*;

/// Entries that wait for Python at most; further ones are left out, so that the stream does not wait.
const LOG_QUEUE_LEN: usize = 1024;

/// An entry, with its level by Python's numbers.
type Entry = (u8, String);

static FORWARDED: OnceLock<bool> = OnceLock::new();

/// Hands the log to the logger `sleap_stream`, from the first call on. `verbose` as `-v` of the programs.
#[pyfunction]
pub(crate) fn forward_logs(py: Python<'_>, verbose: u8) -> bool {
    py.detach(|| *FORWARDED.get_or_init(|| forward(verbose)))
}

fn forward(verbose: u8) -> bool {
    let (entries, received) = sync_channel::<Entry>(LOG_QUEUE_LEN);
    let thread = std::thread::Builder::new().name("log".into());
    let started = thread.spawn(move || {
        // Where Python is ending there is no log any more.
        for (level, text) in received {
            if Python::try_attach(|py| log(py, level, &text)).is_none() {
                return;
            }
        }
    });
    started.is_ok()
        && cli::forward_log(verbose, move |level, text| hand_over(&entries, level, text))
}

fn hand_over(entries: &SyncSender<Entry>, level: tracing::Level, text: &str) {
    let number = match level {
        tracing::Level::ERROR => 40,
        tracing::Level::WARN => 30,
        tracing::Level::INFO => 20,
        _ => 10,
    };
    let _ = entries.try_send((number, text.to_owned()));
}

fn log(py: Python<'_>, level: u8, text: &str) {
    let logged = py
        .import("logging")
        .and_then(|logging| logging.call_method1("getLogger", ("sleap_stream",)))
        .and_then(|logger| logger.call_method1("log", (level, "%s", text)));
    if let Err(error) = logged {
        error.write_unraisable(py, None);
    }
}
