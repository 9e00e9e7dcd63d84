//! The model's work on files, whoever waits for it: a lost connection loses no predictions.
//!
//! A job that nobody waits for goes on for a while, and so long its predictions wait for its client.
//! Another file that is to have its turn has to wait a minute at most for a client to come back.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use protocol::FileName;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::task::spawn_blocking;
use tokio::time::interval;
use tokio_util::task::AbortOnDropHandle;
use tracing::info;

use super::PATIENCE;
use super::job::{self, JobError, Predicted};
use super::shelf::{COMING_BACK, Refusal, Whole, WorkFolder};
use crate::session::Worker;

/// Jobs that nobody waits for, at most.
const MOST_LEFT: usize = 16;

/// Between two looks at how much room is left for predictions.
const LOOK: Duration = Duration::from_secs(1);

/// Whose predictions: those of this content, under this name, which they bear.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) sha256: String,
    /// As the client calls it.
    pub(super) name: FileName,
}

/// How far a job is.
#[derive(Debug, Clone)]
pub(super) enum Stage {
    /// Another file is before this one.
    Waits,
    /// Frames that have their predictions, and how many there will be.
    Runs(u64, Option<u64>),
    Ended(Arc<Ended>),
}

/// What came of a job. Its file of predictions goes with it.
#[derive(Debug)]
pub(super) struct Ended {
    pub(super) outcome: Result<Predicted, JobError>,
    folder: Option<WorkFolder>,
}

impl Ended {
    /// Where the predictions are, if there are any.
    pub(super) fn file(&self) -> PathBuf {
        let folder = self.folder.as_ref().map(result);
        folder.unwrap_or_default()
    }
}

/// All jobs, one of which has its turn.
#[derive(Debug)]
pub(super) struct Bench {
    jobs: Mutex<HashMap<Key, Job>>,
    turn: Arc<Semaphore>,
}

#[derive(Debug)]
struct Job {
    stage: watch::Receiver<Stage>,
    /// Clients that wait for it.
    waiting: usize,
    /// When the last of them went.
    left: Instant,
    _task: AbortOnDropHandle<()>,
}

impl Job {
    /// Nobody has waited for it for so long.
    fn is_left(&self, since: Duration) -> bool {
        self.waiting == 0 && self.left.elapsed() >= since
    }

    fn has_ended(&self) -> bool {
        matches!(*self.stage.borrow(), Stage::Ended(_))
    }

    fn has_failed(&self) -> bool {
        match &*self.stage.borrow() {
            Stage::Ended(ended) => ended.outcome.is_err(),
            Stage::Waits | Stage::Runs(..) => self.stage.has_changed().is_err(),
        }
    }
}

/// A client's wait for a job. The job stays for a while when this is dropped.
#[derive(Debug)]
pub(super) struct Wait {
    bench: Arc<Bench>,
    key: Key,
    stage: watch::Receiver<Stage>,
}

impl Bench {
    pub(super) fn new() -> Self {
        Self {
            jobs: Mutex::default(),
            turn: Arc::new(Semaphore::new(1)),
        }
    }

    /// Waits for the predictions of a file; where nobody has them, and none is at it, a job begins.
    pub(super) fn wait(worker: &Arc<Worker>, whole: Whole, key: Key) -> Wait {
        let bench = Arc::clone(&worker.files.bench);
        let mut jobs = bench.jobs();
        // What failed while nobody heard it may have failed for want of room, or time.
        if jobs
            .get(&key)
            .is_some_and(|job| job.waiting == 0 && job.has_failed())
        {
            jobs.remove(&key);
        }
        if !jobs.contains_key(&key) {
            Self::forget_oldest(&mut jobs);
        }
        let job = jobs
            .entry(key.clone())
            .or_insert_with(|| bench.begin(worker, whole, key.name.clone()));
        job.waiting += 1;
        let mut stage = job.stage.clone();
        // How far it is by now is news to this client.
        stage.mark_changed();
        drop(jobs);
        Wait { bench, key, stage }
    }

    fn begin(&self, worker: &Arc<Worker>, whole: Whole, name: FileName) -> Job {
        let turn = Arc::clone(&self.turn).try_acquire_owned().ok();
        let (tell, stage) = watch::channel(match turn {
            Some(_) => Stage::Runs(0, None),
            None => Stage::Waits,
        });
        let task = tokio::spawn(work(Arc::clone(worker), whole, name, turn, tell));
        Job {
            stage,
            waiting: 0,
            left: Instant::now(),
            _task: AbortOnDropHandle::new(task),
        }
    }

    /// Makes room for one more.
    fn forget_oldest(jobs: &mut HashMap<Key, Job>) {
        let left = jobs.iter().filter(|(_, job)| job.waiting == 0);
        if left.clone().count() >= MOST_LEFT
            && let Some((oldest, _)) = left.min_by_key(|(_, job)| job.left)
        {
            let oldest = oldest.clone();
            jobs.remove(&oldest);
        }
    }

    /// Ends all jobs. Nobody waits for them any more.
    pub(super) fn clear(&self) {
        self.jobs().clear();
    }

    /// Lets go of what nobody comes back for.
    pub(super) fn tidy(&self) {
        self.jobs().retain(|_, job| !job.is_left(COMING_BACK));
    }

    /// Ends what has nobody to wait for it and is in the way of those who do wait.
    fn make_way(&self) {
        self.jobs()
            .retain(|_, job| job.has_ended() || !job.is_left(PATIENCE));
    }

    /// Lets go of all predictions that nobody waits for: their room is needed. Whether there were any.
    pub(super) fn make_room(&self) -> bool {
        let mut jobs = self.jobs();
        let before = jobs.len();
        jobs.retain(|_, job| job.waiting > 0 || !job.has_ended());
        jobs.len() < before
    }

    /// A client has the predictions, and has left.
    pub(super) fn delivered(&self, key: &Key) {
        let mut jobs = self.jobs();
        if jobs.get(key).is_some_and(|job| job.waiting == 0) {
            jobs.remove(key);
        }
    }

    fn jobs(&self) -> MutexGuard<'_, HashMap<Key, Job>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Wait {
    /// How far the job is, when that is another thing than before.
    ///
    /// # Errors
    /// The job is gone.
    pub(super) async fn news(&mut self) -> Result<Stage, JobError> {
        let mut look = interval(LOOK);
        loop {
            tokio::select! {
                changed = self.stage.changed() => {
                    changed.map_err(|_| JobError::Stopped)?;
                    return Ok(self.stage.borrow_and_update().clone());
                }
                _ = look.tick() => {
                    if matches!(*self.stage.borrow(), Stage::Waits) {
                        self.bench.make_way();
                    }
                }
            }
        }
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(job) = self.bench.jobs().get_mut(&self.key) {
            job.waiting -= 1;
            job.left = Instant::now();
        }
    }
}

/// A job from its turn to its end.
async fn work(
    worker: Arc<Worker>,
    whole: Whole,
    name: FileName,
    turn: Option<OwnedSemaphorePermit>,
    tell: watch::Sender<Stage>,
) {
    let _turn = match turn {
        Some(turn) => turn,
        None => match Arc::clone(&worker.files.bench.turn).acquire_owned().await {
            Ok(turn) => turn,
            Err(_) => return,
        },
    };
    tell.send_replace(Stage::Runs(0, None));
    let shelf = Arc::clone(&worker.files.shelf);
    let folder = spawn_blocking(move || shelf.work_folder()).await;
    let lost = |error| Err(Refusal::Io(std::io::Error::other(error)));
    let ended = match folder.unwrap_or_else(lost) {
        Err(error) => Ended {
            outcome: Err(JobError::Write(error.to_string())),
            folder: None,
        },
        Ok(folder) => {
            let outcome = predict(&worker, &whole, &name, result(&folder), &tell).await;
            // What failed left nothing that anybody could use.
            let folder = outcome.is_ok().then_some(folder);
            Ended { outcome, folder }
        }
    };
    match &ended.outcome {
        Ok(Predicted { frames, .. }) => info!(file = %name, frames, "predictions complete"),
        Err(reason) => info!(file = %name, %reason, "no predictions"),
    }
    tell.send_replace(Stage::Ended(Arc::new(ended)));
}

async fn predict(
    worker: &Worker,
    whole: &Whole,
    name: &FileName,
    into: PathBuf,
    tell: &watch::Sender<Stage>,
) -> Result<Predicted, JobError> {
    let progress = |frames, total| drop(tell.send_replace(Stage::Runs(frames, total)));
    tokio::select! {
        predicted = job::run(worker, whole.path(), name.as_str(), into, &progress) => predicted,
        full = full(worker) => Err(JobError::Write(full)),
    }
}

/// Resolves when there is no more room for predictions, and says why.
async fn full(worker: &Worker) -> String {
    let mut look = interval(LOOK);
    loop {
        look.tick().await;
        let shelf = Arc::clone(&worker.files.shelf);
        let checked = spawn_blocking(move || shelf.check_results()).await;
        if let Ok(Err(refusal)) = checked
            && !worker.files.bench.make_room()
        {
            return refusal.to_string();
        }
    }
}

fn result(folder: &WorkFolder) -> PathBuf {
    folder.path().join("predictions.slp")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Key {
        Key {
            sha256: "0".into(),
            name: FileName::new(name).unwrap(),
        }
    }

    impl Bench {
        fn put(&self, name: &str, waiting: usize, stage: Stage, left: Duration) {
            let (tell, stage) = watch::channel(stage);
            let task = tokio::spawn(async move { tell.closed().await });
            let job = Job {
                stage,
                waiting,
                left: Instant::now().checked_sub(left).unwrap(),
                _task: AbortOnDropHandle::new(task),
            };
            self.jobs().insert(key(name), job);
        }

        fn names(&self) -> Vec<String> {
            let mut names: Vec<String> =
                self.jobs().keys().map(|key| key.name.to_string()).collect();
            names.sort();
            names
        }
    }

    fn ended() -> Stage {
        let predicted = Predicted {
            frames: 1,
            lacking: None,
        };
        Stage::Ended(Arc::new(Ended {
            outcome: Ok(predicted),
            folder: None,
        }))
    }

    #[tokio::test]
    async fn what_nobody_comes_back_for_goes_and_what_is_waited_for_stays() {
        let bench = Bench::new();
        let runs = || Stage::Runs(1, None);
        bench.put("runs", 0, runs(), PATIENCE / 2);
        bench.put("ran", 0, ended(), PATIENCE);
        bench.put("in the way", 0, runs(), PATIENCE);
        bench.put("long waited for", 1, runs(), COMING_BACK);
        bench.put("long done", 1, ended(), COMING_BACK);
        bench.put("forgotten", 0, ended(), COMING_BACK);
        bench.tidy();
        assert_eq!(
            bench.names(),
            ["in the way", "long done", "long waited for", "ran", "runs"]
        );
        bench.make_way();
        assert_eq!(
            bench.names(),
            ["long done", "long waited for", "ran", "runs"]
        );
        assert!(bench.make_room());
        assert_eq!(bench.names(), ["long done", "long waited for", "runs"]);
        assert!(!bench.make_room());
        bench.delivered(&key("long done"));
        bench.delivered(&key("runs"));
        assert_eq!(bench.names(), ["long done", "long waited for"]);
    }

    #[tokio::test]
    async fn so_many_jobs_wait_for_their_clients_and_no_more() {
        let bench = Bench::new();
        bench.put("waited for", 1, Stage::Waits, 2 * COMING_BACK);
        for minute in 1..MOST_LEFT as u64 {
            let left = Duration::from_secs(60 * minute);
            bench.put(&format!("{minute}"), 0, Stage::Waits, left);
        }
        Bench::forget_oldest(&mut bench.jobs());
        assert_eq!(bench.names().len(), MOST_LEFT);
        bench.put("oldest", 0, ended(), COMING_BACK * 3);
        Bench::forget_oldest(&mut bench.jobs());
        assert_eq!(bench.names().len(), MOST_LEFT);
        assert!(!bench.names().contains(&"oldest".to_owned()));
    }
}
