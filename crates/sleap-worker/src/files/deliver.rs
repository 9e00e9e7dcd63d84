//! A job from its turn to its last word: predictions, and their way to the client.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use protocol::{FileMeta, FileName, JobNews, Message, checksum_text};
use ring::digest;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{interval, timeout};
use tracing::info;

use super::job::{self, JobError, Predicted};
use super::shelf::Whole;
use super::{OpenJob, PATIENCE};
use crate::metrics::JobEnd;
use crate::places::Place;
use crate::session::Worker;

/// As the Python peers call it.
const JOB: &str = "inference";

/// Between two looks at how much room is left for predictions.
const LOOK: Duration = Duration::from_secs(1);

/// Bytes of a chunk, as the Python peers cut files.
const CHUNK: usize = 32_768;

/// A client's wish that the model runs over a file.
pub(super) struct Order {
    pub(super) whole: Whole,
    /// As the client calls it.
    pub(super) name: FileName,
    pub(super) replies: mpsc::Sender<Message>,
    pub(super) place: Arc<Place>,
    /// Until its last word the worker does not end by itself.
    pub(super) open: OpenJob,
    /// Gets the SHA-256 of the file once it is of no further use here.
    pub(super) served: Served,
}

/// Files that are of no further use once their client is content.
pub(super) type Served = Arc<Mutex<Vec<String>>>;

/// Runs the model over a file and sends what it predicts, or why it does not.
pub(super) async fn run(worker: Arc<Worker>, mut order: Order) {
    let tell = Teller {
        replies: order.replies.clone(),
    };
    let served = match serve(&worker, &order, &tell).await {
        Ok(end) => {
            order.open.ends(end);
            true
        }
        Err(Unserved::Away) => {
            info!(file = %order.name, "the client takes no predictions; they are dropped");
            return;
        }
        Err(Unserved::Job(reason)) => {
            info!(file = %order.name, %reason, "no predictions");
            order.open.ends(JobEnd::Failed);
            let is_files_fault = reason.is_of_the_file();
            // Whether or not it hears it.
            let _ = tell.failed(reason).await;
            is_files_fault
        }
    };
    let done = tell.say(Message::InferenceJobsDone).await;
    if served && done.is_ok() {
        let mut files = order.served.lock().unwrap_or_else(PoisonError::into_inner);
        files.push(order.whole.sha256().to_owned());
    }
    drop(order.open);
}

/// Why a client does not have its predictions.
enum Unserved {
    Job(JobError),
    /// It does not take them.
    Away,
}

impl From<JobError> for Unserved {
    fn from(error: JobError) -> Self {
        Self::Job(error)
    }
}

impl From<Away> for Unserved {
    fn from(_: Away) -> Self {
        Self::Away
    }
}

async fn serve(worker: &Worker, order: &Order, tell: &Teller) -> Result<JobEnd, Unserved> {
    let failed = |error: io::Error| JobError::Write(error.to_string());
    let shelf = Arc::clone(&worker.files.shelf);
    let folder = blocking(move || shelf.work_folder())
        .await
        .map_err(failed)?;
    let result = folder.path().join("predictions.slp");
    let predicted = predict(worker, order, &result, tell).await?;
    let (name, frames) = (&order.name, predicted.frames);
    info!(file = %name, frames, "predictions complete");
    let end = match predicted.lacking {
        Some(lacking) => {
            tell.failed(lacking).await?;
            JobEnd::Partial
        }
        None => {
            tell.news(JobNews::Ended(JOB.into())).await?;
            JobEnd::Complete
        }
    };
    send(&result, name, tell).await?;
    Ok(end)
}

/// Runs the model over the file when it is its turn.
async fn predict(
    worker: &Worker,
    order: &Order,
    result: &Path,
    tell: &Teller,
) -> Result<Predicted, Unserved> {
    let jobs = &worker.files.jobs;
    let _turn = match jobs.try_acquire() {
        Ok(turn) => turn,
        Err(_) => {
            let words = "another file is before this one";
            tell.say(Message::TrackLog(words.into())).await?;
            jobs.acquire().await.map_err(|_| JobError::Stopped)?
        }
    };
    // One that waits, here or for its predictions to leave, may make room for others.
    let working = order.place.works();
    tell.news(JobNews::Started(JOB.into())).await?;
    let progress = |frames, total| tell.progress(frames, total);
    let (file, result) = (order.whole.path(), result.to_owned());
    let predicted = tokio::select! {
        predicted = job::run(worker, file, order.name.as_str(), result, &progress) => predicted?,
        full = full(worker) => return Err(JobError::Write(full).into()),
    };
    order.place.idle_since(Instant::now());
    drop(working);
    Ok(predicted)
}

/// Resolves when there is no more room for predictions, and says why.
async fn full(worker: &Worker) -> String {
    let mut look = interval(LOOK);
    loop {
        look.tick().await;
        let shelf = Arc::clone(&worker.files.shelf);
        let checked = spawn_blocking(move || shelf.check_results()).await;
        if let Ok(Err(refusal)) = checked {
            return refusal.to_string();
        }
    }
}

/// Sends the file of predictions as a download.
async fn send(path: &Path, of: &FileName, tell: &Teller) -> Result<(), Unserved> {
    let failed = |error: io::Error| JobError::Write(error.to_string());
    let path = path.to_owned();
    let (file, size, sha256) = blocking(move || {
        let mut file = File::open(path)?;
        let sha256 = checksum(&mut file)?;
        let size = file.stream_position()?;
        file.seek(SeekFrom::Start(0))?;
        Ok((file, size, sha256))
    })
    .await
    .map_err(failed)?;
    let meta = FileMeta {
        name: called(of).map_err(failed)?,
        size,
        extra: Some(checksum_text(&sha256)),
    };
    tell.say(Message::FileMeta(meta)).await?;
    let mut rest = Some(file);
    while let Some(mut file) = rest.take() {
        let (file, part) = blocking(move || {
            let mut part = Vec::with_capacity(32 * CHUNK);
            let read = Read::by_ref(&mut file)
                .take(32 * CHUNK as u64)
                .read_to_end(&mut part)?;
            Ok(((read > 0).then_some(file), Bytes::from(part)))
        })
        .await
        .map_err(failed)?;
        for at in (0..part.len()).step_by(CHUNK) {
            let chunk = part.slice(at..part.len().min(at + CHUNK));
            tell.say(Message::Chunk(chunk)).await?;
        }
        rest = file;
    }
    Ok(tell.say(Message::EndOfFile).await?)
}

/// `day1.mp4.predictions.slp`, as SLEAP calls them.
fn called(of: &FileName) -> io::Result<FileName> {
    const SUFFIX: &str = ".predictions.slp";
    let mut stem = of.as_str();
    while stem.len() + SUFFIX.len() > FileName::MAX_BYTES {
        let last = stem.char_indices().next_back();
        stem = &stem[..last.map_or(0, |(at, _)| at)];
    }
    // A name that ends in a dot would make two of them.
    let stem = stem.trim_end_matches('.');
    FileName::new(format!("{stem}{SUFFIX}")).map_err(io::Error::other)
}

fn checksum(file: &mut File) -> io::Result<String> {
    let mut digest = digest::Context::new(&digest::SHA256);
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(protocol::hex(digest.finish().as_ref())),
            read => digest.update(&buffer[..read]),
        }
    }
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    spawn_blocking(work).await.map_err(io::Error::other)?
}

/// What a job says to its client.
struct Teller {
    replies: mpsc::Sender<Message>,
}

/// The client has left, or takes nothing any more.
struct Away;

impl Teller {
    async fn say(&self, message: Message) -> Result<(), Away> {
        match timeout(PATIENCE, self.replies.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(Away),
        }
    }

    async fn news(&self, news: JobNews) -> Result<(), Away> {
        self.say(Message::InferenceJob(news.to_string())).await
    }

    async fn failed(&self, reason: JobError) -> Result<(), Away> {
        let news = JobNews::Failed {
            job: JOB.into(),
            reason: reason.to_string(),
        };
        self.news(news).await
    }

    /// Where more waits to be said, that is said instead.
    fn progress(&self, frames: u64, total: Option<u64>) {
        let news = JobNews::Progress { frames, total };
        let _ = self
            .replies
            .try_send(Message::InferenceJob(news.to_string()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predictions_are_named_after_their_video() {
        let called = |name: &str| called(&FileName::new(name).unwrap()).unwrap();
        assert_eq!(called("day1.mp4").as_str(), "day1.mp4.predictions.slp");
        assert_eq!(called("odd.").as_str(), "odd.predictions.slp");
        let long = called(&"ü".repeat(127));
        assert!(long.as_str().len() <= 255 && long.as_str().ends_with(".predictions.slp"));
    }
}
