//! Files beside streams: a client sends a video, the model runs over it, its predictions go back.
//!
//! ```text
//! session -> Desk -> Intake (thread) -> Shelf        uploads: bounded queue, pace beside a stream
//!                 -> deliver -> Bench -> job -> Pipeline::aside -> .slp -> deliver -> session's answers
//!                                        ^ Reader (process)
//! ```

mod args;
mod bench;
mod deliver;
mod desk;
mod intake;
mod job;
mod own;
mod pace;
pub(crate) mod reader;
mod refusals;
mod shelf;
mod stock;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

pub use args::FileArgs;
pub(crate) use desk::Desk;

use crate::metrics::{JobEnd, Metrics};
use bench::Bench;
use own::{FolderError, Own};
use pace::Pace;
use shelf::{Bounds, Shelf};

/// Between two looks for files that nobody needs any more.
const SWEEP: Duration = Duration::from_secs(600);

/// A client that sends or takes nothing of a file for so long is not waited for any longer.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often a worker says that it is there, while a client waits for a file.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Files and jobs of all clients.
pub(crate) struct Files {
    shelf: Arc<Shelf>,
    pace: Mutex<Pace>,
    /// Jobs, which outlive their clients' connections.
    bench: Arc<Bench>,
    /// Jobs whose clients have not had their last word.
    open: watch::Sender<usize>,
    /// Streams are taken, too.
    pub(crate) streams: bool,
}

/// As long as files are kept tidy.
pub(crate) struct Tidying {
    bench: Arc<Bench>,
    _sweeps: AbortOnDropHandle<()>,
}

impl Drop for Tidying {
    fn drop(&mut self) {
        self.bench.clear();
    }
}

/// A job whose client has not had its last word.
struct OpenJob {
    jobs: watch::Sender<usize>,
    metrics: Metrics,
    has_ended: bool,
}

impl OpenJob {
    /// What came of it; its client is still to be told.
    fn ends(&mut self, end: JobEnd) {
        if !std::mem::replace(&mut self.has_ended, true) {
            self.metrics.job_ends(end);
        }
    }
}

impl Drop for OpenJob {
    fn drop(&mut self) {
        self.ends(JobEnd::ClientLeft);
        self.jobs.send_modify(|jobs| *jobs -= 1);
    }
}

impl Files {
    /// # Errors
    /// The folder that was named cannot be made, or something else has the name of the worker's own.
    pub(crate) fn new(args: &FileArgs) -> Result<Self, FolderError> {
        let bounds = Bounds {
            file: args.max_upload,
            all: args.upload_quota,
            keep: args.keep,
        };
        let named = args.upload_dir.as_deref();
        let shelf = Shelf::new(named.map_or_else(Own::usual, Own::within), bounds);
        let files = Self {
            shelf: Arc::new(shelf),
            pace: Mutex::default(),
            bench: Arc::new(Bench::new()),
            open: watch::Sender::default(),
            streams: !args.no_stream,
        };
        if files.are_taken() {
            // A worker that is never sent a file leaves no folder in the user's cache.
            files.shelf.prepare(named.is_some())?;
        }
        Ok(files)
    }

    /// Whether any file would be.
    pub(crate) fn are_taken(&self) -> bool {
        self.shelf.check_size(1).is_ok()
    }

    /// Removes now and then what nobody needs any more, until this is dropped; then all jobs end.
    pub(crate) fn tidy(&self) -> Tidying {
        let (shelf, bench) = (Arc::clone(&self.shelf), Arc::clone(&self.bench));
        let sweeps = {
            let bench = Arc::clone(&bench);
            tokio::spawn(async move {
                let mut due = tokio::time::interval(SWEEP);
                loop {
                    due.tick().await;
                    bench.tidy();
                    let shelf = Arc::clone(&shelf);
                    let sweep = move || shelf.sweep(SystemTime::now());
                    if tokio::task::spawn_blocking(sweep).await.is_err() {
                        return;
                    }
                }
            })
        };
        Tidying {
            bench,
            _sweeps: AbortOnDropHandle::new(sweeps),
        }
    }

    /// Resolves when no client waits for a job.
    pub(crate) async fn idle(&self) {
        // The sender is here: the wait does not fail.
        let _ = self.open.subscribe().wait_for(|jobs| *jobs == 0).await;
    }

    /// A client waits for a job from now on, until this is dropped.
    fn opens(&self, metrics: &Metrics) -> OpenJob {
        self.open.send_modify(|jobs| *jobs += 1);
        metrics.job_starts();
        OpenJob {
            jobs: self.open.clone(),
            metrics: metrics.clone(),
            has_ended: false,
        }
    }

    /// How long to wait after so many bytes of an upload. `beside`: somebody else streams.
    fn pause(&self, bytes: usize, beside: bool) -> Duration {
        let mut pace = self.pace.lock().unwrap_or_else(PoisonError::into_inner);
        pace.after(bytes, beside, Instant::now())
    }
}

#[cfg(test)]
impl Files {
    /// Resolves when nobody writes the file with this SHA-256.
    pub(crate) async fn let_go(&self, sha256: &str) {
        self.shelf.freed(sha256).await;
    }

    /// Files in this folder, within these bounds.
    pub(crate) fn within(dir: &std::path::Path, max_upload: u64, upload_quota: u64) -> Self {
        Self::new(&FileArgs {
            no_stream: false,
            max_upload,
            upload_quota,
            upload_dir: Some(dir.to_owned()),
            keep: false,
        })
        .expect("a folder of the test's own")
    }
}
