//! A job from its turn to its last word: predictions, and their way to the client.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use protocol::{FileMeta, FileName, JobNews, Message, checksum_text};
use ring::digest;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tracing::info;

use super::intake::hex;
use super::job::{self, JobError};
use super::shelf::Whole;
use crate::places::Working;
use crate::session::Worker;

/// As the Python peers call it.
const JOB: &str = "inference";

/// Bytes of a chunk, as the Python peers cut files.
const CHUNK: usize = 32_768;

/// Runs the model over a file and sends what it predicts, or why it does not.
pub(super) async fn run(
    worker: Arc<Worker>,
    whole: Whole,
    name: FileName,
    replies: mpsc::Sender<Message>,
    _working: Working,
) {
    let tell = Teller { replies };
    let sha256 = whole.sha256().to_owned();
    if let Err(reason) = predict(&worker, whole, &name, &tell).await {
        info!(file = %name, %reason, "no predictions");
        tell.failed(reason).await;
        // A file that cannot be used is of no further use.
        worker.files.shelf.used(&sha256);
    }
    tell.say(Message::InferenceJobsDone).await;
}

async fn predict(
    worker: &Worker,
    whole: Whole,
    name: &FileName,
    tell: &Teller,
) -> Result<(), JobError> {
    if worker.files.jobs.available_permits() == 0 {
        let words = "another file is before this one";
        tell.say(Message::TrackLog(words.into())).await;
    }
    let turn = worker.files.jobs.acquire().await;
    let _turn = turn.map_err(|_| JobError::Stopped)?;
    tell.news(JobNews::Started(JOB.into())).await;
    let failed = |error: io::Error| JobError::Write(error.to_string());
    let folder = worker.files.shelf.work_folder().map_err(failed)?;
    let result = folder.path().join("predictions.slp");
    let progress = |frames, total| tell.progress(frames, total);
    let predicted = job::run(
        worker,
        whole.path(),
        name.as_str(),
        result.clone(),
        &progress,
    )
    .await?;
    info!(file = %name, frames = predicted.frames, "predictions complete");
    match predicted.lacking {
        Some(lacking) => tell.failed(lacking).await,
        None => tell.news(JobNews::Ended(JOB.into())).await,
    }
    send(&result, name, tell).await.map_err(failed)
}

/// Sends the file of predictions as a download.
async fn send(path: &Path, of: &FileName, tell: &Teller) -> io::Result<()> {
    let mut file = File::open(path)?;
    let (file, size, sha256) = blocking(move || {
        let sha256 = checksum(&mut file)?;
        let size = file.stream_position()?;
        file.seek(SeekFrom::Start(0))?;
        Ok((file, size, sha256))
    })
    .await?;
    let meta = FileMeta {
        name: called(of)?,
        size,
        extra: Some(checksum_text(&sha256)),
    };
    tell.say(Message::FileMeta(meta)).await;
    let mut rest = Some(file);
    while let Some(mut file) = rest.take() {
        let (file, part) = blocking(move || {
            let mut part = Vec::with_capacity(32 * CHUNK);
            let read = Read::by_ref(&mut file)
                .take(32 * CHUNK as u64)
                .read_to_end(&mut part)?;
            Ok(((read > 0).then_some(file), Bytes::from(part)))
        })
        .await?;
        for at in (0..part.len()).step_by(CHUNK) {
            let chunk = part.slice(at..part.len().min(at + CHUNK));
            tell.say(Message::Chunk(chunk)).await;
        }
        rest = file;
    }
    tell.say(Message::EndOfFile).await;
    Ok(())
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
            0 => return Ok(hex(digest.finish().as_ref())),
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

impl Teller {
    /// A client that left hears nothing; its session ends the job.
    async fn say(&self, message: Message) {
        let _ = self.replies.send(message).await;
    }

    async fn news(&self, news: JobNews) {
        self.say(Message::InferenceJob(news.to_string())).await;
    }

    async fn failed(&self, reason: JobError) {
        let news = JobNews::Failed {
            job: JOB.into(),
            reason: reason.to_string(),
        };
        self.news(news).await;
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
