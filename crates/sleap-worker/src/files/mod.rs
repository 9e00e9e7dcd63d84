//! Files beside streams: a client sends a video, the model runs over it, its predictions go back.
//!
//! ```text
//! session -> Desk -> Intake (thread) -> Shelf        uploads: bounded queue, pace beside a stream
//!                 -> job -> Pipeline::aside -> .slp -> session's answers
//! ```

mod args;
mod deliver;
mod desk;
mod intake;
mod job;
mod pace;
mod refusals;
mod shelf;
mod stock;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;

pub use args::FileArgs;
pub(crate) use desk::Desk;

use pace::Pace;
use shelf::{Bounds, Shelf};

/// Between two looks for files that nobody needs any more.
const SWEEP: Duration = Duration::from_secs(600);

/// How often a worker says that it is there, while a client waits for a file.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Files and jobs of all clients.
pub(crate) struct Files {
    shelf: Arc<Shelf>,
    pace: Mutex<Pace>,
    /// One job at a time.
    jobs: Semaphore,
    /// Streams are taken, too.
    pub(crate) streams: bool,
}

impl Files {
    pub(crate) fn new(args: &FileArgs) -> Self {
        let bounds = Bounds {
            file: args.max_upload,
            all: args.upload_quota,
            keep: args.keep,
        };
        let dir = args.upload_dir.clone().unwrap_or_else(shelf::usual_dir);
        Self {
            shelf: Arc::new(Shelf::new(dir, bounds)),
            pace: Mutex::default(),
            jobs: Semaphore::new(1),
            streams: !args.no_stream,
        }
    }

    /// Whether any file would be.
    pub(crate) fn are_taken(&self) -> bool {
        self.shelf.check_size(1).is_ok()
    }

    /// Removes now and then what nobody needs any more, until the handle is dropped.
    pub(crate) fn tidy(&self) -> AbortOnDropHandle<()> {
        let shelf = Arc::clone(&self.shelf);
        AbortOnDropHandle::new(tokio::spawn(async move {
            let mut due = tokio::time::interval(SWEEP);
            loop {
                due.tick().await;
                let shelf = Arc::clone(&shelf);
                let sweep = move || shelf.sweep(SystemTime::now());
                if tokio::task::spawn_blocking(sweep).await.is_err() {
                    return;
                }
            }
        }))
    }

    /// Resolves when no job runs.
    pub(crate) async fn idle(&self) {
        // The semaphore is never closed.
        drop(self.jobs.acquire().await);
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
    }
}
