//! Jobs: runs of the model over stored files. A lost connection loses no predictions.
//!
//! A job for which no client waits goes on for a while, and its predictions wait for the client to come
//! back. A job in the queue waits a minute at most for the client of a job before it. So many run at the same time; the
//! others wait in the order in which they came, and their clients hear how many are ahead.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use protocol::FileName;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::spawn_blocking;
use tokio::time::interval;
use tokio_util::task::AbortOnDropHandle;
use tracing::info;

use super::CLIENT_TIMEOUT;
use super::job::{self, JobContext, JobError, JobPredictions};
use super::store::{FileStore, JobFolder, RETURN_TIMEOUT, StoreRefusal, StoredFile};

/// Jobs for which no client waits, at most.
const MAX_ABANDONED: usize = 16;

/// Between two checks of the room that is left for predictions.
const SPACE_CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Identifies a job: the content, and the name that the predictions bear.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct JobKey {
    /// The file's SHA-256.
    pub(super) sha256: String,
    /// The file's name at the client.
    pub(super) name: FileName,
}

/// The state of a job.
#[derive(Debug, Clone)]
pub(super) enum JobState {
    /// Another job runs before this one.
    Waits,
    /// Frames that have predictions, and how many there will be.
    Runs(u64, Option<u64>),
    /// It is over.
    Ended(Arc<FinishedJob>),
}

/// The outcome of a job. Its file of predictions is removed with it.
#[derive(Debug)]
pub(super) struct FinishedJob {
    pub(super) outcome: Result<JobPredictions, JobError>,
    folder: Option<JobFolder>,
}

impl FinishedJob {
    /// Where the predictions are, if there are any.
    pub(super) fn file(&self) -> PathBuf {
        let folder = self.folder.as_ref().map(predictions_in);
        folder.unwrap_or_default()
    }
}

/// What the jobs of a queue run with.
pub(super) struct JobRunner {
    pub(super) store: Arc<FileStore>,
    pub(super) context: JobContext,
}

/// All jobs, of which so many run at the same time.
#[derive(Debug)]
pub(super) struct JobQueue {
    jobs: Mutex<HashMap<JobKey, QueuedJob>>,
    /// Jobs that have begun to wait so far.
    begun: AtomicU64,
    /// The permits to run.
    turn: Arc<Semaphore>,
}

#[derive(Debug)]
struct QueuedJob {
    /// Its place in the order in which jobs came.
    number: u64,
    state: watch::Receiver<JobState>,
    /// Clients that wait for it.
    waiting: usize,
    /// When the last of them left.
    left: Instant,
    _task: AbortOnDropHandle<()>,
}

impl QueuedJob {
    /// Whether no client has waited for it for so long.
    fn is_abandoned(&self, since: Duration) -> bool {
        self.waiting == 0 && self.left.elapsed() >= since
    }

    fn has_ended(&self) -> bool {
        matches!(*self.state.borrow(), JobState::Ended(_))
    }

    fn has_failed(&self) -> bool {
        match &*self.state.borrow() {
            JobState::Ended(ended) => ended.outcome.is_err(),
            JobState::Waits | JobState::Runs(..) => self.state.has_changed().is_err(),
        }
    }
}

/// A client's wait for a job. The job stays for a while when this is dropped.
#[derive(Debug)]
pub(super) struct JobWaiter {
    queue: Arc<JobQueue>,
    key: JobKey,
    state: watch::Receiver<JobState>,
    /// Jobs that were ahead when the client heard of it last.
    ahead: usize,
}

impl JobQueue {
    /// A queue without jobs, of which `max` run at the same time.
    pub(super) fn new(max: usize) -> Self {
        Self {
            jobs: Mutex::default(),
            begun: AtomicU64::new(0),
            turn: Arc::new(Semaphore::new(max)),
        }
    }

    /// Waits for the predictions of a file. Where there is no job for them, one begins.
    pub(super) fn wait(
        self: &Arc<Self>,
        runner: &Arc<JobRunner>,
        stored: StoredFile,
        key: JobKey,
    ) -> JobWaiter {
        let mut jobs = self.jobs();
        // A failure that no client has received may have been for lack of space, or of time.
        if jobs
            .get(&key)
            .is_some_and(|job| job.waiting == 0 && job.has_failed())
        {
            jobs.remove(&key);
        }
        if !jobs.contains_key(&key) {
            Self::remove_oldest(&mut jobs);
        }
        let job = jobs
            .entry(key.clone())
            .or_insert_with(|| self.begin(runner, stored, key.name.clone()));
        job.waiting += 1;
        let mut state = job.state.clone();
        // The present state is the first that this client receives.
        state.mark_changed();
        drop(jobs);
        let queue = Arc::clone(self);
        JobWaiter {
            queue,
            key,
            state,
            ahead: 0,
        }
    }

    fn begin(
        self: &Arc<Self>,
        runner: &Arc<JobRunner>,
        stored: StoredFile,
        name: FileName,
    ) -> QueuedJob {
        let turn = Arc::clone(&self.turn).try_acquire_owned().ok();
        let (state, receiver) = watch::channel(match turn {
            Some(_) => JobState::Runs(0, None),
            None => JobState::Waits,
        });
        let (queue, runner) = (Arc::clone(self), Arc::clone(runner));
        let task = tokio::spawn(async move { queue.run(&runner, stored, name, turn, state).await });
        QueuedJob {
            number: self.begun.fetch_add(1, Relaxed),
            state: receiver,
            waiting: 0,
            left: Instant::now(),
            _task: AbortOnDropHandle::new(task),
        }
    }

    /// Makes room for one more abandoned job.
    fn remove_oldest(jobs: &mut HashMap<JobKey, QueuedJob>) {
        let left = jobs.iter().filter(|(_, job)| job.waiting == 0);
        if left.clone().count() >= MAX_ABANDONED
            && let Some((oldest, _)) = left.min_by_key(|(_, job)| job.left)
        {
            let oldest = oldest.clone();
            jobs.remove(&oldest);
        }
    }

    /// Jobs that are before this one: those that run, and those that have waited for longer.
    fn ahead_of(&self, key: &JobKey) -> usize {
        let jobs = self.jobs();
        let Some(own) = jobs.get(key).map(|job| job.number) else {
            return 0;
        };
        let is_ahead = |job: &&QueuedJob| job.number < own && !job.has_ended();
        jobs.values().filter(is_ahead).count()
    }

    /// Ends all jobs.
    pub(super) fn clear(&self) {
        self.jobs().clear();
    }

    /// Removes jobs whose clients do not come back.
    pub(super) fn remove_abandoned(&self) {
        self.jobs()
            .retain(|_, job| !job.is_abandoned(RETURN_TIMEOUT));
    }

    /// Ends abandoned jobs for which others wait.
    fn make_way(&self) {
        self.jobs()
            .retain(|_, job| job.has_ended() || !job.is_abandoned(CLIENT_TIMEOUT));
    }

    /// Removes all predictions for which no client waits: their room is needed. Returns whether there
    /// were any.
    pub(super) fn make_room(&self) -> bool {
        let mut jobs = self.jobs();
        let before = jobs.len();
        jobs.retain(|_, job| job.waiting > 0 || !job.has_ended());
        jobs.len() < before
    }

    /// A client has received the predictions, and has left.
    pub(super) fn delivered(&self, key: &JobKey) {
        let mut jobs = self.jobs();
        if jobs.get(key).is_some_and(|job| job.waiting == 0) {
            jobs.remove(key);
        }
    }

    fn jobs(&self) -> MutexGuard<'_, HashMap<JobKey, QueuedJob>> {
        // The lock was poisoned by a panic; the map is complete between statements.
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A job from its turn to its end.
    async fn run(
        &self,
        runner: &JobRunner,
        stored: StoredFile,
        name: FileName,
        turn: Option<OwnedSemaphorePermit>,
        state: watch::Sender<JobState>,
    ) {
        let _turn = match turn {
            Some(turn) => turn,
            None => match Arc::clone(&self.turn).acquire_owned().await {
                Ok(turn) => turn,
                Err(_) => return,
            },
        };
        state.send_replace(JobState::Runs(0, None));
        let store = Arc::clone(&runner.store);
        let folder = spawn_blocking(move || store.job_folder()).await;
        let lost = |error| Err(StoreRefusal::Io(std::io::Error::other(error)));
        let ended = match folder.unwrap_or_else(lost) {
            Err(error) => FinishedJob {
                outcome: Err(JobError::Write(error.to_string())),
                folder: None,
            },
            Ok(folder) => {
                let into = predictions_in(&folder);
                let outcome = self.predict(runner, &stored, &name, into, &state).await;
                // A failed job leaves nothing that a client could use.
                let folder = outcome.is_ok().then_some(folder);
                FinishedJob { outcome, folder }
            }
        };
        match &ended.outcome {
            Ok(JobPredictions { frames, .. }) => {
                info!(file = %name, frames, "predictions complete")
            }
            Err(reason) => info!(file = %name, %reason, "no predictions"),
        }
        state.send_replace(JobState::Ended(Arc::new(ended)));
    }

    async fn predict(
        &self,
        runner: &JobRunner,
        stored: &StoredFile,
        name: &FileName,
        into: PathBuf,
        state: &watch::Sender<JobState>,
    ) -> Result<JobPredictions, JobError> {
        let progress = |frames, total| drop(state.send_replace(JobState::Runs(frames, total)));
        let run = job::run(
            &runner.context,
            stored.path(),
            name.as_str(),
            into,
            &progress,
        );
        tokio::select! {
            predicted = run => predicted,
            full = self.full(&runner.store) => Err(JobError::Write(full)),
        }
    }

    /// Resolves when there is no more room for predictions, with the reason.
    async fn full(&self, store: &Arc<FileStore>) -> String {
        let mut due = interval(SPACE_CHECK_INTERVAL);
        loop {
            due.tick().await;
            let store = Arc::clone(store);
            let checked = spawn_blocking(move || store.check_results()).await;
            if let Ok(Err(refusal)) = checked
                && !self.make_room()
            {
                return refusal.to_string();
            }
        }
    }
}

impl JobWaiter {
    /// Jobs that are ahead of one that waits.
    pub(super) fn ahead(&self) -> usize {
        self.ahead
    }

    /// The state of the job, once it differs from the one before, or others are ahead.
    ///
    /// # Errors
    /// The job was removed.
    pub(super) async fn next(&mut self) -> Result<JobState, JobError> {
        let mut due = interval(SPACE_CHECK_INTERVAL);
        loop {
            tokio::select! {
                changed = self.state.changed() => {
                    changed.map_err(|_| JobError::Stopped)?;
                    let state = self.state.borrow_and_update().clone();
                    self.ahead = self.queue.ahead_of(&self.key);
                    return Ok(state);
                }
                _ = due.tick() => {
                    if matches!(*self.state.borrow(), JobState::Waits) {
                        self.queue.make_way();
                        let ahead = self.queue.ahead_of(&self.key);
                        if std::mem::replace(&mut self.ahead, ahead) != ahead {
                            return Ok(JobState::Waits);
                        }
                    }
                }
            }
        }
    }
}

impl Drop for JobWaiter {
    fn drop(&mut self) {
        if let Some(job) = self.queue.jobs().get_mut(&self.key) {
            job.waiting -= 1;
            job.left = Instant::now();
        }
    }
}

fn predictions_in(folder: &JobFolder) -> PathBuf {
    folder.path().join("predictions.slp")
}

#[cfg(test)]
#[path = "job_queue_tests.rs"]
mod tests;
