//! What a client hears of its file's job, and its predictions' way to it.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use protocol::{FileMeta, FileName, JobStatus, Message, checksum_text};
use ring::digest;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tracing::info;

use super::bench::{Bench, Ended, Key, Stage, Wait};
use super::job::{JobError, Predicted};
use super::shelf::Whole;
use super::{OpenJob, PATIENCE};
use crate::metrics::JobEnd;
use crate::places::Place;
use crate::session::Worker;

/// As the Python peers call it.
const JOB: &str = "inference";

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
    /// Gets what is of no further use here.
    pub(super) served: Served,
}

/// Files that are of no further use once their client is content.
pub(super) type Served = Arc<Mutex<Vec<Key>>>;

/// Waits for what the model says of a file and sends it, or why there is nothing.
pub(super) async fn run(worker: Arc<Worker>, order: Order) {
    let Order {
        whole,
        name,
        replies,
        place,
        mut open,
        served,
    } = order;
    let tell = Teller { replies };
    let key = Key {
        sha256: whole.sha256().to_owned(),
        name,
    };
    let mut wait = Bench::wait(&worker, whole, key.clone());
    let end = match attend(&mut wait, &place, &tell).await {
        Ok(ended) => serve(&ended, &key.name, &tell).await,
        Err(unserved) => Err(unserved),
    };
    // Once the client has everything nobody waits for it.
    drop(wait);
    let is_served = match end {
        Ok(end) => {
            open.ends(end);
            true
        }
        Err(Unserved::Away) => {
            info!(file = %key.name, "the client takes no predictions; they wait for it");
            return;
        }
        Err(Unserved::Job {
            words,
            is_of_the_file,
        }) => {
            open.ends(JobEnd::Failed);
            // Whether or not it hears it.
            let _ = tell.failed(words).await;
            is_of_the_file
        }
    };
    let done = tell.say(Message::InferenceJobsDone).await;
    if is_served && done.is_ok() {
        served
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(key);
    }
}

/// Why a client does not have its predictions.
enum Unserved {
    Job {
        words: String,
        /// Whether another attempt with the same file would end in the same way.
        is_of_the_file: bool,
    },
    /// It does not take them.
    Away,
}

impl From<&JobError> for Unserved {
    fn from(error: &JobError) -> Self {
        Self::Job {
            words: error.to_string(),
            is_of_the_file: error.is_of_the_file(),
        }
    }
}

impl From<Away> for Unserved {
    fn from(_: Away) -> Self {
        Self::Away
    }
}

/// Says how far the job is, until it has ended.
async fn attend(
    wait: &mut Wait,
    place: &Arc<Place>,
    tell: &Teller,
) -> Result<Arc<Ended>, Unserved> {
    // One that waits, here or for its predictions to leave, may make room for others.
    let mut working = None;
    let (mut has_begun, mut frames) = (false, None);
    loop {
        let stage = wait.news().await.map_err(|error| Unserved::from(&error))?;
        if !has_begun && !matches!(stage, Stage::Waits) {
            has_begun = true;
            tell.news(JobStatus::Started(JOB.into())).await?;
        }
        match stage {
            Stage::Waits => {
                let words = "another file is before this one";
                tell.say(Message::TrackLog(words.into())).await?;
            }
            Stage::Runs(done, total) => {
                working.get_or_insert_with(|| place.works());
                if frames.replace(done) != Some(done) {
                    tell.progress(done, total);
                }
            }
            Stage::Ended(ended) => {
                place.idle_since(Instant::now());
                return Ok(ended);
            }
        }
    }
}

/// Sends what came of a job.
async fn serve(ended: &Ended, name: &FileName, tell: &Teller) -> Result<JobEnd, Unserved> {
    let Predicted { frames, lacking } = ended.outcome.as_ref()?;
    let total = Some(*frames);
    // Whoever came after the job has not heard of it.
    tell.news(JobStatus::Progress {
        frames: *frames,
        total,
    })
    .await?;
    let end = match lacking {
        Some(lacking) => {
            tell.failed(lacking.to_string()).await?;
            JobEnd::Partial
        }
        None => {
            tell.news(JobStatus::Ended(JOB.into())).await?;
            JobEnd::Complete
        }
    };
    send(ended.file(), name, tell).await?;
    Ok(end)
}

/// Sends the file of predictions as a download.
async fn send(path: PathBuf, of: &FileName, tell: &Teller) -> Result<(), Unserved> {
    let failed = |error: io::Error| Unserved::from(&JobError::Write(error.to_string()));
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

    async fn news(&self, news: JobStatus) -> Result<(), Away> {
        self.say(Message::InferenceJob(news.to_string())).await
    }

    async fn failed(&self, reason: String) -> Result<(), Away> {
        let news = JobStatus::Failed {
            job: JOB.into(),
            reason,
        };
        self.news(news).await
    }

    /// Where more waits to be said, that is said instead.
    fn progress(&self, frames: u64, total: Option<u64>) {
        let news = JobStatus::Progress { frames, total };
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
