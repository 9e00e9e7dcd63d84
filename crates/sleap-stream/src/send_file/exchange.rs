//! One connection's part of it: question, upload, the worker's work, download.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow, bail};
use link::{Channel, Receiver, SendError, Sender};
use protocol::{JobNews, Message, PackageType, Resume, UploadStart};
use tokio::time::{interval, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::SendConfig;
use super::download::{Download, Whole};
use super::progress::{Phase, Progress};
use super::source::{self, Known};
use crate::handshake::because;
use crate::trust::Distrust;

/// A worker that says nothing for so long is gone; it says something every 15 s.
const SILENCE: Duration = Duration::from_secs(45);

/// How often this side says that it is there.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Why a connection did not bring the predictions.
#[derive(Debug)]
pub(super) enum Fault {
    /// Another connection may.
    Lost(String),
    /// Nothing will.
    Final(anyhow::Error),
}

impl<E: Into<anyhow::Error>> From<E> for Fault {
    fn from(error: E) -> Self {
        Fault::Final(error.into())
    }
}

/// What the worker had to say in the end.
pub(super) struct Outcome {
    pub(super) predictions: Option<Whole>,
    /// What the predictions lack, or why there are none.
    pub(super) failure: Option<String>,
}

/// What happened so far, over all connections.
pub(super) struct Account {
    pub(super) sent: u64,
    pub(super) upload: Duration,
    pub(super) frames: u64,
    pub(super) inference: Duration,
}

/// One connection to a worker.
pub(super) struct Exchange<'a> {
    pub(super) config: &'a SendConfig,
    pub(super) known: &'a Known,
    pub(super) upload_id: &'a str,
    pub(super) progress: &'a mut Progress,
    pub(super) account: &'a mut Account,
}

impl Exchange<'_> {
    /// Asks, sends what the worker lacks, and waits for the predictions.
    pub(super) async fn run(&mut self, channel: &mut Channel) -> Result<Outcome, Fault> {
        let Channel { sender, receiver } = channel;
        let _alive = keep_alive(sender.clone());
        send(sender, Message::PackageType(PackageType::Track)).await?;
        let check = Message::UploadCheck {
            sha256: self.known.sha256.clone(),
            name: self.config.name.clone(),
            resume: Some(Resume {
                bytes: self.known.bytes,
                upload_id: self.upload_id.to_owned(),
            }),
        };
        send(sender, check).await?;
        if let Some(_offset) = self.ready(receiver).await? {
            let began = Instant::now();
            let uploaded = self.upload(sender, receiver).await;
            self.account.upload += began.elapsed();
            uploaded?;
        }
        let began = Instant::now();
        let outcome = self.predictions(receiver).await;
        self.account.inference += began.elapsed();
        outcome
    }

    /// Where the bytes are to begin; `None`: the worker has them all.
    async fn ready(&mut self, receiver: &mut Receiver) -> Result<Option<u64>, Fault> {
        let patience = self.config.ack_timeout;
        let answer = async {
            loop {
                match next(receiver).await? {
                    Message::UploadReady(offset) => return Ok(Some(offset.unwrap_or(0))),
                    Message::CacheHit(_) => return Ok(None),
                    other => refused(other)?,
                }
            }
        };
        timeout(patience, answer).await.unwrap_or_else(|_| {
            Err(Fault::Final(anyhow!(
                "the worker did not answer FILE_UPLOAD_CHECK within {} s: it takes no files",
                patience.as_secs_f64()
            )))
        })
    }

    async fn upload(&mut self, sender: &Sender, receiver: &mut Receiver) -> Result<(), Fault> {
        let bytes = self.known.bytes;
        let start = UploadStart {
            name: self.config.name.clone(),
            bytes,
            dest: String::new(),
            create_subdir: false,
        };
        send(sender, Message::UploadStart(start)).await?;
        let offset = self.ready(receiver).await?.unwrap_or(0);
        if offset > bytes {
            return Err(anyhow!("the worker wants byte {offset} of a file of {bytes}").into());
        }
        if offset > 0 {
            tracing::info!(offset, bytes, "the upload goes on where it was");
            let event = serde_json::json!({"offset": offset, "bytes_total": bytes});
            self.progress.event("resumed", event);
        }
        let mut at = offset;
        let mut blocks = source::blocks(Arc::from(self.config.file.as_path()), offset);
        while let Some(block) = blocks.recv().await {
            let block = block.map_err(|error| changed(&self.config.file, &error))?;
            for chunk in source::chunks(&block) {
                at += chunk.len() as u64;
                if at > bytes {
                    return Err(changed(&self.config.file, &"it grew").into());
                }
                self.account.sent += chunk.len() as u64;
                self.chunk(sender, receiver, Message::Chunk(chunk)).await?;
            }
            self.progress.at(Phase::Upload, at, Some(bytes));
        }
        if at < bytes {
            return Err(changed(&self.config.file, &"it shrank").into());
        }
        send(sender, Message::UploadEnd).await?;
        self.progress.word("the worker checks the file");
        loop {
            match next(receiver).await? {
                Message::Complete(_) => return Ok(()),
                other => refused(other)?,
            }
        }
    }

    /// Sends bytes while listening: a worker that refuses the file says so in the midst of it.
    async fn chunk(
        &self,
        sender: &Sender,
        receiver: &mut Receiver,
        message: Message,
    ) -> Result<(), Fault> {
        let sending = send(sender, message);
        tokio::pin!(sending);
        loop {
            tokio::select! {
                biased;
                sent = &mut sending => return sent,
                message = next(receiver) => refused(message?)?,
            }
        }
    }

    /// Waits for the worker's work and takes what comes of it.
    async fn predictions(&mut self, receiver: &mut Receiver) -> Result<Outcome, Fault> {
        self.progress.word("waiting for the worker");
        let patience = self.config.ack_timeout;
        let first = timeout(patience, begins(receiver)).await.map_err(|_| {
            anyhow!(
                "the worker took the file, but runs no model over it (a SLEAP-RTC worker of another kind?)"
            )
        })?;
        let mut message = first?;
        let mut arriving: Option<Download> = None;
        let mut outcome = Outcome {
            predictions: None,
            failure: None,
        };
        loop {
            match message {
                Message::InferenceJob(text) => self.news(&text, &mut outcome),
                Message::TrackLog(line) => tracing::info!(%line, "worker"),
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
                Message::InferenceJobsDone => return Ok(outcome),
                other => refused(other)?,
            }
            message = next(receiver).await?;
        }
    }

    fn news(&mut self, text: &str, outcome: &mut Outcome) {
        match JobNews::from_text(text) {
            JobNews::Progress { frames, total } => {
                self.account.frames = frames;
                self.progress.at(Phase::Inference, frames, total);
            }
            JobNews::Failed { reason, .. } => outcome.failure = Some(reason),
            JobNews::Started(_) | JobNews::Ended(_) | JobNews::Other(_) => {}
        }
    }
}

/// The first word of a job.
async fn begins(receiver: &mut Receiver) -> Result<Message, Fault> {
    loop {
        match next(receiver).await? {
            Message::KeepAlive => {}
            message => return Ok(message),
        }
    }
}

/// The next message of a worker that is there.
async fn next(receiver: &mut Receiver) -> Result<Message, Fault> {
    loop {
        match timeout(SILENCE, receiver.recv()).await {
            Err(_) => return Err(Fault::Lost("the worker has stopped answering".into())),
            Ok(None) => {
                let lost = format!("the connection was lost{}", because(receiver));
                return Err(Fault::Lost(lost));
            }
            Ok(Some(Ok(message))) => return Ok(message),
            Ok(Some(Err(error))) => tracing::warn!(%error, "message ignored"),
        }
    }
}

/// Fails if a message is a refusal; others are of no concern.
fn refused(message: Message) -> Result<()> {
    match message {
        Message::UploadError(reason) | Message::FileError(reason) => {
            bail!("the worker refuses the file: {}", plain(&reason))
        }
        Message::AuthChallenge(_) => Err(Distrust::asked().into()),
        Message::KeepAlive | Message::Progress { .. } => Ok(()),
        other => {
            tracing::debug!(message = ?other, "ignored");
            Ok(())
        }
    }
}

/// A peer's words, without what a terminal would act on.
pub(super) fn plain(words: &str) -> String {
    words.chars().filter(|char| !char.is_control()).collect()
}

fn changed(file: &Path, why: &dyn std::fmt::Display) -> anyhow::Error {
    anyhow!("{} changed while it was sent: {why}", file.display())
}

async fn send(sender: &Sender, message: Message) -> Result<(), Fault> {
    match timeout(SILENCE, sender.send(message)).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(SendError::Closed(reason))) => {
            Err(Fault::Lost(format!("the connection was lost ({reason})")))
        }
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err(Fault::Lost("the worker takes nothing any more".into())),
    }
}

fn keep_alive(sender: Sender) -> AbortOnDropHandle<()> {
    AbortOnDropHandle::new(tokio::spawn(async move {
        let mut due = interval(KEEP_ALIVE);
        due.tick().await;
        loop {
            due.tick().await;
            if sender.send(Message::KeepAlive).await.is_err() {
                return;
            }
        }
    }))
}
