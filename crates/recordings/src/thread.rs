//! The thread that writes one output.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::WriteError;
use crate::record::Record;
use crate::sink::Sink;

/// Records older than this are with the operating system.
pub const FLUSH_BY: Duration = Duration::from_millis(700);

/// Records this old leave when that wastes nothing.
const FLUSH_FROM: Duration = Duration::from_millis(300);

/// Bytes after which records leave, however young, when that wastes nothing; twice that: anyway.
const PLENTY: usize = 256 << 10;

/// Records that wait for one output at most, beside what is under way when it is full: some
/// seconds of a fast camera.
pub(crate) const QUEUE: usize = 512;

/// How an output is.
#[derive(Debug, Clone, Default)]
pub(crate) enum Status {
    #[default]
    Writing,
    /// Everything is written.
    Done,
    /// Whoever read it has gone.
    Unread,
    /// Nobody waits for it any more.
    GivenUp,
    Failed(Arc<WriteError>),
}

/// Records that cannot be written.
#[derive(Debug, Clone)]
pub(crate) struct Skipped {
    pub(crate) records: u64,
    pub(crate) first: Arc<WriteError>,
}

#[derive(Debug, Default)]
struct State {
    status: Status,
    /// Records in the queue.
    waiting: usize,
    written: u64,
    skipped: Option<Skipped>,
}

/// What an output's thread shares with its owner.
#[derive(Debug, Default)]
pub(crate) struct Shared {
    state: Mutex<State>,
    /// There is room again, or the status has changed.
    changed: Condvar,
}

impl Shared {
    pub(crate) fn status(&self) -> Status {
        self.lock().status.clone()
    }

    pub(crate) fn set(&self, status: Status) {
        self.lock().status = status;
        self.changed.notify_all();
    }

    /// Nobody waits for its end any more, if that has not come yet.
    pub(crate) fn give_up(&self) {
        let mut state = self.lock();
        if matches!(state.status, Status::Writing) {
            state.status = Status::GivenUp;
        }
        self.changed.notify_all();
    }

    /// Records in the queue.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().waiting
    }

    /// Records that are in the output.
    pub(crate) fn written(&self) -> u64 {
        self.lock().written
    }

    pub(crate) fn skipped(&self) -> Option<Skipped> {
        self.lock().skipped.clone()
    }

    pub(crate) fn queued(&self) {
        self.lock().waiting += 1;
    }

    pub(crate) fn taken(&self) {
        let mut state = self.lock();
        state.waiting -= 1;
        if state.waiting + 1 == QUEUE {
            self.changed.notify_all();
        }
    }

    /// Waits until the queue is not full.
    pub(crate) fn wait_for_room(&self) {
        self.wait_while(|state| state.waiting >= QUEUE && matches!(state.status, Status::Writing));
    }

    /// Waits until nothing more is written, or nobody waits for it any more.
    pub(crate) fn wait_for_end(&self) {
        self.wait_while(|state| matches!(state.status, Status::Writing));
    }

    fn wait_while(&self, mut held: impl FnMut(&State) -> bool) {
        let waited = self.changed.wait_while(self.lock(), |state| held(state));
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn skip(&self, error: WriteError) {
        let mut state = self.lock();
        let skipped = state.skipped.get_or_insert_with(|| Skipped {
            records: 0,
            first: Arc::new(error),
        });
        skipped.records += 1;
    }

    // Every change is whole: a poisoned lock holds a good state.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
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
    let _told = Told(shared);
    let ended = write_all(sink.as_mut(), queue, shared);
    // The file is closed when others hear of the end.
    drop(sink);
    shared.set(match ended {
        Ok(()) => Status::Done,
        Err(WriteError::Io(error)) if live && error.kind() == io::ErrorKind::BrokenPipe => {
            Status::Unread
        }
        Err(error) => Status::Failed(Arc::new(error)),
    });
    // Whoever waits for room finds out that there is nothing to wait for.
    while queue.try_recv().is_ok() {
        shared.taken();
    }
}

/// Whoever waits for the end hears of it, even of a panic.
struct Told<'a>(&'a Shared);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if matches!(self.0.status(), Status::Writing | Status::GivenUp) && std::thread::panicking()
        {
            let panicked = io::Error::other("its thread panicked");
            self.0.set(Status::Failed(Arc::new(panicked.into())));
        }
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
                match sink.write(&record) {
                    Err(error) if error.is_the_records() => shared.skip(error),
                    written => {
                        written?;
                        shared.lock().written += 1;
                    }
                }
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return sink.end(),
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
