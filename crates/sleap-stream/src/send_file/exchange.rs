//! One connection's part of it: question, upload, the worker's work, download.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::anyhow;
use link::Channel;
use protocol::{JobStatus, Message, PackageType, UploadResume, UploadStart};
use tokio::time::timeout;

use super::SendConfig;
use super::download::{Download, DownloadedFile};
use super::file_channel::{FileChannel, TransferError, busy, refused, short};
use super::progress::{TransferPhase, TransferProgress};
use super::source::{self, SourceFile};

/// What the worker had to say in the end.
pub(super) struct TransferOutcome {
    pub(super) predictions: Option<DownloadedFile>,
    /// What the predictions lack, or why there are none.
    pub(super) failure: Option<String>,
}

impl TransferOutcome {
    /// A worker that could not do it now may later.
    fn unless_busy(self) -> Result<Self, TransferError> {
        match self.failure.as_deref().and_then(busy) {
            Some(reason) if self.predictions.is_none() => Err(TransferError::Busy(reason)),
            _ => Ok(self),
        }
    }
}

/// What happened so far, over all connections.
#[derive(Debug, Default)]
pub(super) struct TransferTotals {
    pub(super) sent: u64,
    pub(super) upload: Duration,
    /// Of the job that ran last.
    pub(super) frames: u64,
    /// Those of them that were predicted while this run waited for them, and how long that was.
    pub(super) waited_for: u64,
    pub(super) inference: Duration,
    /// What the connection at hand has heard of frames.
    heard: Option<u64>,
    /// How far a connection has come at best: bytes of the file, and frames.
    pub(super) furthest: (u64, u64),
}

impl TransferTotals {
    /// So many bytes were sent, which end at this one of the file.
    fn sent(&mut self, bytes: u64, at: u64) {
        self.sent += bytes;
        self.furthest.0 = self.furthest.0.max(at);
    }

    fn predicted(&mut self, frames: u64) {
        self.frames = frames;
        // A job that went on without this client is further on at its first word.
        self.waited_for += frames.saturating_sub(self.heard.unwrap_or(frames));
        self.heard = Some(frames);
        self.furthest.1 = self.furthest.1.max(frames);
    }
}

/// One connection to a worker.
pub(super) struct Exchange<'a> {
    pub(super) config: &'a SendConfig,
    pub(super) file: &'a SourceFile,
    pub(super) upload_id: &'a str,
    pub(super) progress: &'a mut TransferProgress,
    pub(super) totals: &'a mut TransferTotals,
    /// When a worker that says nothing counts as gone.
    pub(super) silence: Duration,
}

impl Exchange<'_> {
    /// Asks, sends what the worker lacks, and waits for the predictions.
    pub(super) async fn run(
        &mut self,
        channel: &mut Channel,
    ) -> Result<TransferOutcome, TransferError> {
        let channel = &mut FileChannel::over(channel, self.silence);
        channel
            .say(Message::PackageType(PackageType::Track))
            .await?;
        let check = Message::UploadCheck {
            sha256: self.file.sha256.clone(),
            name: self.config.name.clone(),
            resume: Some(UploadResume {
                bytes: self.file.bytes,
                upload_id: self.upload_id.to_owned(),
            }),
        };
        channel.say(check).await?;
        if let Some(_offset) = self.ready(channel).await? {
            let began = Instant::now();
            let uploaded = self.upload(channel).await;
            self.totals.upload += began.elapsed();
            uploaded?;
        }
        let began = Instant::now();
        self.totals.heard = None;
        let outcome = self.predictions(channel).await;
        self.totals.inference += began.elapsed();
        outcome
    }

    /// Where the bytes are to begin; `None`: the worker has them all.
    async fn ready(&self, channel: &mut FileChannel<'_>) -> Result<Option<u64>, TransferError> {
        let limit = self.config.connect.ack_timeout;
        let answer = async {
            loop {
                match channel.next().await? {
                    Message::UploadReady(offset) => {
                        channel.received = offset;
                        return Ok(Some(offset.unwrap_or(0)));
                    }
                    Message::CacheHit(_) => return Ok(None),
                    other => refused(other)?,
                }
            }
        };
        timeout(limit, answer).await.unwrap_or_else(|_| {
            Err(TransferError::Final(anyhow!(
                "the worker did not answer within {} s whether it takes the file: it may take none",
                limit.as_secs_f64()
            )))
        })
    }

    async fn upload(&mut self, channel: &mut FileChannel<'_>) -> Result<(), TransferError> {
        let bytes = self.file.bytes;
        let start = UploadStart {
            name: self.config.name.clone(),
            bytes,
            dest: String::new(),
            create_subdir: false,
        };
        channel.say(Message::UploadStart(start)).await?;
        let offset = self.ready(channel).await?.unwrap_or(0);
        if offset > bytes {
            return Err(anyhow!("the worker wants byte {offset} of a file of {bytes}").into());
        }
        if offset > 0 {
            tracing::info!(offset, bytes, "the upload goes on where it was");
            let event = serde_json::json!({"offset": offset, "bytes_total": bytes});
            self.progress.event("resumed", event);
        }
        self.progress.at(TransferPhase::Upload, offset, Some(bytes));
        let mut at = offset;
        let mut blocks = source::blocks(Arc::from(self.config.file.as_path()), offset);
        while let Some(block) = blocks.recv().await {
            let block = block.map_err(|error| changed(&self.config.file, &error))?;
            for chunk in source::chunks(&block) {
                let some = chunk.len() as u64;
                at += some;
                if at > bytes {
                    return Err(changed(&self.config.file, &"it grew").into());
                }
                self.totals.sent(some, at);
                channel.say(Message::Chunk(chunk)).await?;
            }
            // Much may be on its way; a worker that tells what it has says where the upload is.
            let there = channel.received.map_or(at, |there| there.clamp(offset, at));
            self.progress.at(TransferPhase::Upload, there, Some(bytes));
        }
        if at < bytes {
            return Err(changed(&self.config.file, &"it shrank").into());
        }
        channel.say(Message::UploadEnd).await?;
        if channel.received.is_none() {
            self.progress.word("the worker checks the file");
        }
        loop {
            match channel.next().await? {
                Message::Complete(_) => {
                    self.progress.at(TransferPhase::Upload, bytes, Some(bytes));
                    return Ok(());
                }
                Message::Progress { received, .. } => {
                    let there = received.clamp(offset, bytes);
                    self.progress.at(TransferPhase::Upload, there, Some(bytes));
                }
                // The half that was there has made it another file, and is gone.
                Message::UploadError(reason) if offset > 0 && busy(&reason).is_none() => {
                    return Err(TransferError::Damaged(short(&reason)));
                }
                other => refused(other)?,
            }
        }
    }

    /// Waits for the worker's work and takes what comes of it.
    async fn predictions(
        &mut self,
        channel: &mut FileChannel<'_>,
    ) -> Result<TransferOutcome, TransferError> {
        self.progress.word("waiting for the worker");
        let limit = self.config.connect.ack_timeout;
        let first = timeout(limit, begins(channel)).await.map_err(|_| {
            anyhow!(
                "the worker took the file, but runs no model over it (a SLEAP-RTC worker of another kind?)"
            )
        })?;
        let mut message = first?;
        let mut arriving: Option<Download> = None;
        let mut outcome = TransferOutcome {
            predictions: None,
            failure: None,
        };
        loop {
            match message {
                Message::InferenceJob(text) => self.news(&text, &mut outcome),
                Message::TrackLog(line) => tracing::info!(line = %short(&line), "worker"),
                Message::FileMeta(meta) => {
                    tracing::debug!(name = %meta.name, bytes = meta.size, "predictions come");
                    arriving = Some(Download::begin(&meta, &self.config.output)?);
                }
                Message::Chunk(chunk) => match &mut arriving {
                    Some(download) => download.chunk(&chunk)?,
                    None => tracing::debug!("bytes of nothing; ignored"),
                },
                Message::EndOfFile => {
                    if let Some(download) = arriving.take() {
                        outcome.predictions = Some(download.check()?);
                    }
                }
                Message::InferenceJobsDone => return outcome.unless_busy(),
                other => refused(other)?,
            }
            message = match channel.next().await {
                // All that was to come is here.
                Err(TransferError::Lost(lost)) if outcome.predictions.is_some() => {
                    tracing::debug!("{lost}, after the predictions");
                    return Ok(outcome);
                }
                next => next?,
            };
        }
    }

    fn news(&mut self, text: &str, outcome: &mut TransferOutcome) {
        match JobStatus::from_text(text) {
            JobStatus::Progress { frames, total } => {
                self.totals.predicted(frames);
                self.progress.at(TransferPhase::Inference, frames, total);
            }
            JobStatus::Failed { reason, .. } => outcome.failure = Some(reason),
            JobStatus::Started(_) | JobStatus::Ended(_) | JobStatus::Other(_) => {}
        }
    }
}

/// The first word of a job.
async fn begins(channel: &mut FileChannel<'_>) -> Result<Message, TransferError> {
    loop {
        match channel.next().await? {
            Message::KeepAlive => {}
            message => return Ok(message),
        }
    }
}

fn changed(file: &Path, why: &dyn std::fmt::Display) -> anyhow::Error {
    anyhow!("{} changed while it was sent: {why}", file.display())
}
