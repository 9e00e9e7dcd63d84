//! What one connection does: check, upload, the worker's job, download.

use std::time::{Duration, Instant};

use anyhow::anyhow;
use link::Channel;
use protocol::{JobStatus, Message, PackageType, UploadResume};
use tokio::time::timeout;

use super::SendConfig;
use super::download::{Download, DownloadedFile};
use super::file_channel::{FileChannel, TransferError, busy, refused, short};
use super::progress::{TransferPhase, TransferProgress};
use super::source::SourceFile;
use super::totals::TransferTotals;

/// What came of a job.
pub(super) struct TransferOutcome {
    pub(super) predictions: Option<DownloadedFile>,
    /// What the predictions lack, or why there are none.
    pub(super) failure: Option<String>,
}

impl TransferOutcome {
    /// Fails where the worker was busy: it may do the job later.
    fn unless_busy(self) -> Result<Self, TransferError> {
        match self.failure.as_deref().and_then(busy) {
            Some(reason) if self.predictions.is_none() => Err(TransferError::Busy(reason)),
            _ => Ok(self),
        }
    }
}

/// One connection to a worker.
pub(super) struct Exchange<'a> {
    pub(super) config: &'a SendConfig,
    pub(super) file: &'a SourceFile,
    pub(super) upload_id: &'a str,
    pub(super) progress: &'a mut TransferProgress,
    pub(super) totals: &'a mut TransferTotals,
    /// After this long without a message the worker counts as gone.
    pub(super) worker_timeout: Duration,
}

impl Exchange<'_> {
    /// Asks what the worker has of the file, sends the rest, and waits for the predictions.
    pub(super) async fn run(
        &mut self,
        channel: &mut Channel,
    ) -> Result<TransferOutcome, TransferError> {
        let channel = &mut FileChannel::new(channel, self.worker_timeout);
        channel
            .send(Message::PackageType(PackageType::Track))
            .await?;
        let check = Message::UploadCheck {
            sha256: self.file.sha256.clone(),
            name: self.config.name.clone(),
            resume: Some(UploadResume {
                bytes: self.file.bytes,
                upload_id: self.upload_id.to_owned(),
            }),
        };
        channel.send(check).await?;
        if let Some(_offset) = self.ready(channel).await? {
            let began = Instant::now();
            let uploaded = self.upload(channel).await;
            self.totals.upload += began.elapsed();
            uploaded?;
        }
        let began = Instant::now();
        self.totals.wait_begins();
        let outcome = self.predictions(channel).await;
        self.totals.inference += began.elapsed();
        outcome
    }

    /// Where the bytes are to begin; `None`: the worker has them all.
    pub(super) async fn ready(
        &self,
        channel: &mut FileChannel<'_>,
    ) -> Result<Option<u64>, TransferError> {
        let limit = self.config.connect.ack_timeout;
        let answer = async {
            loop {
                match channel.recv().await? {
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

    /// Waits for the worker's job and takes its predictions.
    async fn predictions(
        &mut self,
        channel: &mut FileChannel<'_>,
    ) -> Result<TransferOutcome, TransferError> {
        self.progress.activity("waiting for the worker");
        let limit = self.config.connect.ack_timeout;
        let first = timeout(limit, first_message(channel)).await.map_err(|_| {
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
                Message::InferenceJob(text) => self.job_status(&text, &mut outcome),
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
            message = match channel.recv().await {
                // Everything has arrived.
                Err(TransferError::Lost(lost)) if outcome.predictions.is_some() => {
                    tracing::debug!("{lost}, after the predictions");
                    return Ok(outcome);
                }
                next => next?,
            };
        }
    }

    fn job_status(&mut self, text: &str, outcome: &mut TransferOutcome) {
        match JobStatus::from_text(text) {
            JobStatus::Progress { frames, total } => {
                self.totals.predicted(frames);
                self.progress.at(TransferPhase::Inference, frames, total);
            }
            JobStatus::Poses(count) => self.totals.poses = Some(count),
            JobStatus::Failed { reason, .. } => outcome.failure = Some(reason),
            JobStatus::Started(_) | JobStatus::Ended(_) | JobStatus::Other(_) => {}
        }
    }
}

/// The first message of a job.
async fn first_message(channel: &mut FileChannel<'_>) -> Result<Message, TransferError> {
    loop {
        match channel.recv().await? {
            Message::KeepAlive => {}
            message => return Ok(message),
        }
    }
}
