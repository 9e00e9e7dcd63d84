//! The thread that writes one output.

use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::WriteError;
use crate::record::PredictionRecord;
use crate::sink::RecordWriter;

/// Records older than this were passed to the operating system.
pub const FLUSH_BY: Duration = Duration::from_millis(700);

/// Records this old are flushed when that wastes no space.
const FLUSH_EARLIEST: Duration = Duration::from_millis(300);

/// Bytes from which records of any age are flushed when that wastes no space; at twice as many,
/// always.
const FLUSH_BYTES: usize = 256 << 10;

/// Records in an output's queue from which the caller has to stop making new ones: some seconds of
/// a fast camera.
pub(crate) const RECORD_QUEUE_LEN: usize = 512;

/// The state of an output.
#[derive(Debug, Clone, Default)]
pub(crate) enum OutputStatus {
    #[default]
    Writing,
    /// Everything is written.
    Done,
    /// The reader of standard output has closed it.
    ReaderGone,
    /// The caller does not wait for it any more.
    Abandoned,
    Failed(Arc<WriteError>),
}

/// Records that cannot be written.
#[derive(Debug, Clone)]
pub(crate) struct SkippedRecords {
    pub(crate) records: u64,
    pub(crate) first: Arc<WriteError>,
}

#[derive(Debug, Default)]
struct State {
    status: OutputStatus,
    /// Records in the queue.
    waiting: usize,
    written: u64,
    /// Instances in the records that were written.
    poses: u64,
    skipped: Option<SkippedRecords>,
}

/// What an output's thread shares with the output.
#[derive(Debug, Default)]
pub(crate) struct OutputState {
    state: Mutex<State>,
    /// Notified when the queue is no longer full, or the status has changed.
    changed: Condvar,
}

impl OutputState {
    pub(crate) fn status(&self) -> OutputStatus {
        self.lock().status.clone()
    }

    pub(crate) fn set(&self, status: OutputStatus) {
        self.lock().status = status;
        self.changed.notify_all();
    }

    /// Ends the wait for it, if it is still writing.
    pub(crate) fn abandon(&self) {
        let mut state = self.lock();
        if matches!(state.status, OutputStatus::Writing) {
            state.status = OutputStatus::Abandoned;
        }
        self.changed.notify_all();
    }

    /// Records in the queue.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().waiting
    }

    /// Records that were written to the output.
    pub(crate) fn written(&self) -> u64 {
        self.lock().written
    }

    /// Instances in the records that were written.
    pub(crate) fn poses(&self) -> u64 {
        self.lock().poses
    }

    pub(crate) fn skipped(&self) -> Option<SkippedRecords> {
        self.lock().skipped.clone()
    }

    /// A record with so many instances was written.
    fn wrote(&self, instances: usize) {
        let mut state = self.lock();
        state.written += 1;
        state.poses += instances as u64;
    }

    pub(crate) fn queued(&self) {
        self.lock().waiting += 1;
    }

    pub(crate) fn taken(&self) {
        let mut state = self.lock();
        state.waiting -= 1;
        if state.waiting + 1 == RECORD_QUEUE_LEN {
            self.changed.notify_all();
        }
    }

    /// Waits until the queue is not full.
    pub(crate) fn wait_for_room(&self) {
        self.wait_while(|state| {
            state.waiting >= RECORD_QUEUE_LEN && matches!(state.status, OutputStatus::Writing)
        });
    }

    /// Waits until nothing more is written, or it is abandoned.
    pub(crate) fn wait_for_end(&self) {
        self.wait_while(|state| matches!(state.status, OutputStatus::Writing));
    }

    fn wait_while(&self, mut held: impl FnMut(&State) -> bool) {
        let waited = self.changed.wait_while(self.lock(), |state| held(state));
        drop(waited.unwrap_or_else(PoisonError::into_inner));
    }

    fn skip(&self, error: WriteError) {
        let mut state = self.lock();
        let skipped = state.skipped.get_or_insert_with(|| SkippedRecords {
            records: 0,
            first: Arc::new(error),
        });
        skipped.records += 1;
    }

    // Every change is complete before a panic could happen: the state behind a poisoned lock is valid.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes all records, to the end of the queue or the first failure. `live`: a closed reader is no
/// failure.
pub(crate) fn run(
    mut sink: Box<dyn RecordWriter + Send>,
    queue: &Receiver<Arc<PredictionRecord>>,
    live: bool,
    shared: &OutputState,
) {
    let _report = EndNotifier(shared);
    let ended = write_all(sink.as_mut(), queue, shared);
    // The file is closed before the end is reported.
    drop(sink);
    shared.set(match ended {
        Ok(()) => OutputStatus::Done,
        Err(WriteError::Io(error)) if live && error.kind() == io::ErrorKind::BrokenPipe => {
            OutputStatus::ReaderGone
        }
        Err(error) => OutputStatus::Failed(Arc::new(error)),
    });
    // Callers that wait for the queue find it empty.
    while queue.try_recv().is_ok() {
        shared.taken();
    }
}

/// Sets the status if the thread panics, so that the wait for its end is over.
struct EndNotifier<'a>(&'a OutputState);

impl Drop for EndNotifier<'_> {
    fn drop(&mut self) {
        if matches!(
            self.0.status(),
            OutputStatus::Writing | OutputStatus::Abandoned
        ) && std::thread::panicking()
        {
            let panicked = io::Error::other("its thread panicked");
            self.0.set(OutputStatus::Failed(Arc::new(panicked.into())));
        }
    }
}

fn write_all(
    sink: &mut dyn RecordWriter,
    queue: &Receiver<Arc<PredictionRecord>>,
    shared: &OutputState,
) -> Result<(), WriteError> {
    // When the first record came that is not flushed yet.
    let mut since: Option<Instant> = None;
    loop {
        match next(queue, since) {
            Ok(record) => {
                shared.taken();
                since.get_or_insert_with(Instant::now);
                match sink.write(&record) {
                    Err(error) if error.is_of_record() => shared.skip(error),
                    written => {
                        written?;
                        shared.wrote(record.prediction.instances.len());
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
    queue: &Receiver<Arc<PredictionRecord>>,
    since: Option<Instant>,
) -> Result<Arc<PredictionRecord>, RecvTimeoutError> {
    match since {
        None => queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
        Some(since) => queue.recv_timeout(FLUSH_BY.saturating_sub(since.elapsed())),
    }
}

/// Whether to flush: by the `age` of the oldest record, the bytes, and whether a flush would waste
/// no space. Pure.
fn is_due(age: Duration, waiting: usize, is_even: bool) -> bool {
    let may = age >= FLUSH_EARLIEST || waiting >= FLUSH_BYTES;
    let must = age >= FLUSH_BY || waiting >= 2 * FLUSH_BYTES;
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
        assert!(is_due(ms(1), FLUSH_BYTES, true), "memory is bounded");
        assert!(is_due(ms(1), 2 * FLUSH_BYTES, false));
    }
}
