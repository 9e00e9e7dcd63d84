//! Reports a job's progress to its client, and delivers the predictions.

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

use super::job::{JobError, JobPredictions};
use super::job_queue::{FinishedJob, JobKey, JobState, JobWaiter};
use super::store::StoredFile;
use super::{CLIENT_TIMEOUT, FileService, OpenJob};
use crate::admission::ClientSlot;
use crate::metrics::JobOutcome;

/// As the Python peers call it.
const JOB_NAME: &str = "inference";

/// Bytes of a chunk, as the Python peers cut files.
const CHUNK_BYTES: usize = 32_768;

/// A client's request for the predictions of a file.
pub(super) struct JobRequest {
    pub(super) stored: StoredFile,
    /// The file's name at the client.
    pub(super) name: FileName,
    pub(super) replies: mpsc::Sender<Message>,
    pub(super) client: Arc<ClientSlot>,
    /// Until the last message the worker does not end by itself.
    pub(super) open: OpenJob,
    /// Receives the file's key once the client has everything.
    pub(super) delivered: DeliveredFiles,
}

/// Files whose clients have received everything.
pub(super) type DeliveredFiles = Arc<Mutex<Vec<JobKey>>>;

/// Waits for the predictions of a file and sends them, or the reason why there are none.
pub(super) async fn run(files: Arc<FileService>, request: JobRequest) {
    let JobRequest {
        stored,
        name,
        replies,
        client,
        mut open,
        delivered,
    } = request;
    let reporter = JobReporter { replies };
    let key = JobKey {
        sha256: stored.sha256().to_owned(),
        name,
    };
    let mut wait = files.jobs.wait(&files.runner, stored, key.clone());
    let end = match attend(&mut wait, &client, &reporter).await {
        Ok(ended) => deliver(&ended, &key.name, &reporter).await,
        Err(unserved) => Err(unserved),
    };
    // The client has everything: it does not wait for the job any more.
    drop(wait);
    let is_delivered = match end {
        Ok(end) => {
            open.ends(end);
            true
        }
        Err(DeliveryError::ClientGone) => {
            info!(file = %key.name, "the client takes no predictions; they wait for it");
            return;
        }
        Err(DeliveryError::Job {
            words,
            is_of_the_file,
        }) => {
            open.ends(JobOutcome::Failed);
            // The client may have left.
            let _ = reporter.failed(words).await;
            is_of_the_file
        }
    };
    let done = reporter.send(Message::InferenceJobsDone).await;
    if is_delivered && done.is_ok() {
        delivered
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(key);
    }
}

/// Why a client has not received its predictions.
enum DeliveryError {
    Job {
        words: String,
        /// Whether another attempt with the same file would end in the same way.
        is_of_the_file: bool,
    },
    /// The client does not take them.
    ClientGone,
}

impl From<&JobError> for DeliveryError {
    fn from(error: &JobError) -> Self {
        Self::Job {
            words: error.to_string(),
            is_of_the_file: error.is_of_the_file(),
        }
    }
}

impl From<ClientGone> for DeliveryError {
    fn from(_: ClientGone) -> Self {
        Self::ClientGone
    }
}

/// Reports the job's progress until it has ended.
async fn attend(
    wait: &mut JobWaiter,
    client: &Arc<ClientSlot>,
    reporter: &JobReporter,
) -> Result<Arc<FinishedJob>, DeliveryError> {
    // A client whose job does not run may be evicted for another.
    let mut working = None;
    let (mut has_begun, mut frames, mut ahead) = (false, None, None);
    loop {
        let state = wait
            .next()
            .await
            .map_err(|error| DeliveryError::from(&error))?;
        if !has_begun && !matches!(state, JobState::Waits) {
            has_begun = true;
            reporter.report(JobStatus::Started(JOB_NAME.into())).await?;
        }
        match state {
            JobState::Waits if ahead == Some(wait.ahead()) => {}
            JobState::Waits => {
                let words = match *ahead.insert(wait.ahead()) {
                    0 | 1 => "another file is before this one".to_owned(),
                    ahead => format!("{ahead} other files are before this one"),
                };
                reporter.send(Message::TrackLog(words)).await?;
            }
            JobState::Runs(done, total) => {
                working.get_or_insert_with(|| client.job_runs());
                if frames.replace(done) != Some(done) {
                    reporter.progress(done, total);
                }
            }
            JobState::Ended(ended) => {
                client.mark_idle(Instant::now());
                return Ok(ended);
            }
        }
    }
}

/// Sends the outcome of a job.
async fn deliver(
    ended: &FinishedJob,
    name: &FileName,
    reporter: &JobReporter,
) -> Result<JobOutcome, DeliveryError> {
    let JobPredictions {
        frames,
        poses,
        lacking,
    } = ended.outcome.as_ref()?;
    let total = Some(*frames);
    // A client that came after the job has not received its progress.
    reporter
        .report(JobStatus::Progress {
            frames: *frames,
            total,
        })
        .await?;
    reporter.report(JobStatus::Poses(*poses)).await?;
    let end = match lacking {
        Some(lacking) => {
            reporter.failed(lacking.to_string()).await?;
            JobOutcome::Partial
        }
        None => {
            reporter.report(JobStatus::Ended(JOB_NAME.into())).await?;
            JobOutcome::Complete
        }
    };
    send(ended.file(), name, reporter).await?;
    Ok(end)
}

/// Sends the file of predictions as a download.
async fn send(path: PathBuf, of: &FileName, reporter: &JobReporter) -> Result<(), DeliveryError> {
    let failed = |error: io::Error| DeliveryError::from(&JobError::Write(error.to_string()));
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
        name: predictions_name(of).map_err(failed)?,
        size,
        extra: Some(checksum_text(&sha256)),
    };
    reporter.send(Message::FileMeta(meta)).await?;
    let mut rest = Some(file);
    while let Some(mut file) = rest.take() {
        let (file, part) = blocking(move || {
            let mut part = Vec::with_capacity(32 * CHUNK_BYTES);
            let read = Read::by_ref(&mut file)
                .take(32 * CHUNK_BYTES as u64)
                .read_to_end(&mut part)?;
            Ok(((read > 0).then_some(file), Bytes::from(part)))
        })
        .await
        .map_err(failed)?;
        for at in (0..part.len()).step_by(CHUNK_BYTES) {
            let chunk = part.slice(at..part.len().min(at + CHUNK_BYTES));
            reporter.send(Message::Chunk(chunk)).await?;
        }
        rest = file;
    }
    Ok(reporter.send(Message::EndOfFile).await?)
}

/// `day1.mp4.predictions.slp`, as SLEAP calls them.
fn predictions_name(of: &FileName) -> io::Result<FileName> {
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

/// Sends messages on a job to its client.
struct JobReporter {
    replies: mpsc::Sender<Message>,
}

/// The client has left, or does not read any more.
struct ClientGone;

impl JobReporter {
    async fn send(&self, message: Message) -> Result<(), ClientGone> {
        match timeout(CLIENT_TIMEOUT, self.replies.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(ClientGone),
        }
    }

    async fn report(&self, report: JobStatus) -> Result<(), ClientGone> {
        self.send(Message::InferenceJob(report.to_string())).await
    }

    async fn failed(&self, reason: String) -> Result<(), ClientGone> {
        let report = JobStatus::Failed {
            job: JOB_NAME.into(),
            reason,
        };
        self.report(report).await
    }

    /// Left out where other messages wait.
    fn progress(&self, frames: u64, total: Option<u64>) {
        let report = JobStatus::Progress { frames, total };
        let _ = self
            .replies
            .try_send(Message::InferenceJob(report.to_string()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predictions_are_named_after_their_video() {
        let called = |name: &str| predictions_name(&FileName::new(name).unwrap()).unwrap();
        assert_eq!(called("day1.mp4").as_str(), "day1.mp4.predictions.slp");
        assert_eq!(called("odd.").as_str(), "odd.predictions.slp");
        let long = called(&"ü".repeat(127));
        assert!(long.as_str().len() <= 255 && long.as_str().ends_with(".predictions.slp"));
    }
}
