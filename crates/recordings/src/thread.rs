//! The thread that writes one output.

use std::io;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::{Record, Sink, WriteError};

/// Records older than this are with the operating system.
pub const FLUSH_BY: Duration = Duration::from_millis(700);

/// Records this old leave when that wastes nothing.
const FLUSH_FROM: Duration = Duration::from_millis(300);

/// Bytes after which records leave, however young, when that wastes nothing; twice that: anyway.
const PLENTY: usize = 256 << 10;

/// How an output is.
#[derive(Debug, Clone, Default)]
pub(crate) enum Status {
    #[default]
    Writing,
    /// Whoever read it has gone.
    Unread,
    Failed(Arc<WriteError>),
}

/// What an output's thread shares with its owner.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    status: Mutex<Status>,
    /// Records in the queue.
    waiting: AtomicUsize,
}

impl Shared {
    pub(crate) fn status(&self) -> Status {
        self.lock().clone()
    }

    pub(crate) fn set(&self, status: Status) {
        *self.lock() = status;
    }

    /// Records in the queue.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Relaxed)
    }

    pub(crate) fn queued(&self) {
        self.waiting.fetch_add(1, Relaxed);
    }

    pub(crate) fn taken(&self) {
        self.waiting.fetch_sub(1, Relaxed);
    }

    // A status is replaced whole: a poisoned lock holds a good one.
    fn lock(&self) -> MutexGuard<'_, Status> {
        self.status.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes all records, to the end of the queue or the first failure. `live`: a reader that goes is
/// no failure.
pub(crate) fn run(
    mut sink: Box<dyn Sink + Send>,
    queue: &Receiver<Arc<Record>>,
    live: bool,
    shared: &Shared,
) {
    let Err(error) = write_all(sink.as_mut(), queue, shared) else {
        return;
    };
    shared.set(match error {
        WriteError::Io(error) if live && error.kind() == io::ErrorKind::BrokenPipe => {
            Status::Unread
        }
        error => Status::Failed(Arc::new(error)),
    });
    // Whoever waits for room finds out that there is nothing to wait for.
    while queue.try_recv().is_ok() {
        shared.taken();
    }
}

fn write_all(
    sink: &mut dyn Sink,
    queue: &Receiver<Arc<Record>>,
    shared: &Shared,
) -> Result<(), WriteError> {
    // When the first record came that is not flushed.
    let mut since: Option<Instant> = None;
    loop {
        match next(queue, since) {
            Ok(record) => {
                shared.taken();
                since.get_or_insert_with(Instant::now);
                if let Err(error) = sink.write(&record) {
                    if error.is_the_records() {
                        sink.flush()?;
                    }
                    return Err(error);
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return sink.flush(),
        }
        let age = since.map_or(Duration::ZERO, |since| since.elapsed());
        if is_due(age, sink.waiting(), sink.is_even()) {
            sink.flush()?;
            since = None;
        }
    }
}

fn next(
    queue: &Receiver<Arc<Record>>,
    since: Option<Instant>,
) -> Result<Arc<Record>, RecvTimeoutError> {
    match since {
        None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
        Some(since) => queue.recv_timeout(FLUSH_BY.saturating_sub(since.elapsed())),
    }
}

/// Whether what waits is to be flushed: `age` of the oldest of it, its bytes, and whether it fits
/// evenly. Pure.
fn is_due(age: Duration, waiting: usize, is_even: bool) -> bool {
    let may = age >= FLUSH_FROM || waiting >= PLENTY;
    let must = age >= FLUSH_BY || waiting >= 2 * PLENTY;
    must || (may && is_even)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_leaves_when_it_fits_or_in_time() {
        let ms = Duration::from_millis;
        assert!(!is_due(ms(100), 100, true), "it may fit better with more");
        assert!(is_due(ms(300), 100, true));
        assert!(!is_due(ms(300), 100, false));
        assert!(is_due(ms(700), 100, false), "in time, whatever it wastes");
        assert!(is_due(ms(1), PLENTY, true), "memory is bounded");
        assert!(is_due(ms(1), 2 * PLENTY, false));
    }
}
