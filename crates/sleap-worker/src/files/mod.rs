//! Files beside streams: a client sends a video, the model runs over it, its predictions go back.
//!
//! ```text
//! session -> UploadSession -> UploadWriter (thread) -> FileStore    uploads: bounded queue, a rate beside a stream
//!                          -> delivery -> JobQueue -> RunningJob -> Pipeline -> .slp -> delivery -> replies
//!                                                     ^ VideoReader (process)
//! ```

mod args;
mod delivery;
mod job;
mod job_queue;
pub(crate) mod reader;
mod store;
mod unsupported;
mod upload_rate;
mod upload_session;
mod upload_writer;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

pub use args::FileArgs;
pub(crate) use job::JobContext;
pub(crate) use store::FolderError;
pub(crate) use upload_session::UploadSession;

use crate::metrics::{JobOutcome, Metrics};
use job_queue::{JobQueue, JobRunner};
use store::{FileStore, StoreLimits};
use upload_rate::UploadRate;

/// Between two searches for files that are too old.
const SWEEP_INTERVAL: Duration = Duration::from_secs(600);

/// How long a client may send or take nothing of a file.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(60);

/// Between two messages that show a client that waits for a file that the worker is there.
const KEEP_ALIVE_INTERVAL: Duration = Duration::from_secs(15);

/// The store for clients' files, before there is a model to run over them.
pub(crate) struct UploadStore {
    store: Arc<FileStore>,
    /// Jobs that run at the same time.
    max_jobs: usize,
}

impl UploadStore {
    /// Opens the store that the options describe.
    ///
    /// # Errors
    /// The folder that was named cannot be made, or something else has the name of the worker's own.
    pub(crate) fn open(args: &FileArgs) -> Result<Self, FolderError> {
        let limits = StoreLimits {
            file: args.max_upload,
            all: args.upload_quota,
            keep: args.keep,
        };
        let store = FileStore::open(args.upload_dir.as_deref(), limits)?;
        Ok(Self {
            store: Arc::new(store),
            max_jobs: args.max_jobs.into(),
        })
    }

    /// Whether files are taken.
    pub(crate) fn takes_files(&self) -> bool {
        self.store.takes_files()
    }
}

/// Files and jobs of all clients.
pub(crate) struct FileService {
    store: Arc<FileStore>,
    rate: Mutex<UploadRate>,
    /// Jobs, which outlive their clients' connections.
    jobs: Arc<JobQueue>,
    runner: Arc<JobRunner>,
    /// Jobs whose clients have not received their last message.
    open: watch::Sender<usize>,
    metrics: Metrics,
}

/// Sweeps the store until it is dropped; then all jobs end.
pub(crate) struct StoreSweeper {
    jobs: Arc<JobQueue>,
    _sweeps: AbortOnDropHandle<()>,
}

impl Drop for StoreSweeper {
    fn drop(&mut self) {
        self.jobs.clear();
    }
}

/// A job whose client has not received its last message.
struct OpenJob {
    jobs: watch::Sender<usize>,
    metrics: Metrics,
    has_ended: bool,
}

impl OpenJob {
    /// Counts the outcome, once; the client is still to receive it.
    fn ends(&mut self, outcome: JobOutcome) {
        if !std::mem::replace(&mut self.has_ended, true) {
            self.metrics.job_ends(outcome);
        }
    }
}

impl Drop for OpenJob {
    fn drop(&mut self) {
        self.ends(JobOutcome::ClientLeft);
        self.jobs.send_modify(|jobs| *jobs -= 1);
    }
}

impl FileService {
    /// Takes files into `store`; jobs run with `context`.
    pub(crate) fn new(store: UploadStore, context: JobContext, metrics: Metrics) -> Self {
        let runner = JobRunner {
            store: Arc::clone(&store.store),
            context,
        };
        Self {
            jobs: Arc::new(JobQueue::new(store.max_jobs)),
            store: store.store,
            rate: Mutex::default(),
            runner: Arc::new(runner),
            open: watch::Sender::default(),
            metrics,
        }
    }

    /// Whether any file is taken.
    pub(crate) fn takes_files(&self) -> bool {
        self.store.takes_files()
    }

    /// Removes files that are too old, from time to time.
    pub(crate) fn sweep(&self) -> StoreSweeper {
        let (store, jobs) = (Arc::clone(&self.store), Arc::clone(&self.jobs));
        let sweeps = {
            let jobs = Arc::clone(&jobs);
            tokio::spawn(async move {
                let mut due = tokio::time::interval(SWEEP_INTERVAL);
                loop {
                    due.tick().await;
                    jobs.remove_abandoned();
                    let store = Arc::clone(&store);
                    let sweep = move || store.sweep(SystemTime::now());
                    if tokio::task::spawn_blocking(sweep).await.is_err() {
                        return;
                    }
                }
            })
        };
        StoreSweeper {
            jobs,
            _sweeps: AbortOnDropHandle::new(sweeps),
        }
    }

    /// Resolves when no client waits for a job.
    pub(crate) async fn idle(&self) {
        // The sender is here: the wait does not fail.
        let _ = self.open.subscribe().wait_for(|jobs| *jobs == 0).await;
    }

    /// Counts a job for which a client waits, until the guard is dropped.
    fn opens(&self) -> OpenJob {
        self.open.send_modify(|jobs| *jobs += 1);
        self.metrics.job_starts();
        OpenJob {
            jobs: self.open.clone(),
            metrics: self.metrics.clone(),
            has_ended: false,
        }
    }

    /// How long to wait after so many bytes of an upload. `beside`: another client streams.
    fn pause(&self, bytes: usize, beside: bool) -> Duration {
        let mut rate = self.rate.lock().unwrap_or_else(PoisonError::into_inner);
        rate.after(bytes, beside, Instant::now())
    }
}

#[cfg(test)]
impl FileService {
    /// Resolves when the file with this SHA-256 is not written any more.
    pub(crate) async fn let_go(&self, sha256: &str) {
        self.store.freed(sha256).await;
    }

    /// Takes files into this folder, within these limits.
    pub(crate) fn within(
        dir: &std::path::Path,
        max_upload: u64,
        upload_quota: u64,
        context: JobContext,
    ) -> Self {
        let store = UploadStore::open(&FileArgs {
            no_stream: false,
            max_jobs: 1,
            max_upload,
            upload_quota,
            upload_dir: Some(dir.to_owned()),
            keep: false,
        });
        let store = store.expect("a folder of the test's own");
        Self::new(store, context, Metrics::default())
    }
}
