//! A client's uploads, and the job that follows each of them.

mod replies;
mod requests;

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use link::CloseReason;
use protocol::{FileName, Message, UploadResume};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;
use tracing::info;

use super::delivery::{DeliveredFiles, JobRequest};
use super::store::StoredFile;
use super::upload_writer::UploadWriter;
use super::{CLIENT_TIMEOUT, FileService, KEEP_ALIVE_INTERVAL, delivery, unsupported};
use crate::admission::ClientSlot;
use crate::metrics::UploadOutcome;
use replies::UploadReplies;

/// Between two reports of an upload's progress.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(500);

/// Longest wait for the former connection of a client that reconnected to release its file.
const TAKEOVER_TIMEOUT: Duration = Duration::from_secs(5);

/// The uploads of one client.
pub(crate) struct UploadSession {
    files: Arc<FileService>,
    replies: UploadReplies,
    client: Arc<ClientSlot>,
    purpose: UploadPurpose,
    check: Option<UploadCheck>,
    upload: Option<OpenUpload>,
    job: Option<AbortOnDropHandle<()>>,
    /// The client has sent a message of file transfer.
    has_begun: bool,
    /// Files whose predictions this client has received.
    delivered: DeliveredFiles,
}

/// What the client's files are for.
enum UploadPurpose {
    Store,
    Predict,
    /// Something that this worker does not do, with the reason.
    Refused(String),
}

/// The content of FILE_UPLOAD_CHECK.
struct UploadCheck {
    sha256: String,
    resume: Option<UploadResume>,
}

/// An upload that has begun.
struct OpenUpload {
    writer: UploadWriter,
    name: FileName,
    bytes: u64,
    /// Whether it ends with FILE_UPLOAD_END, or with END_OF_FILE.
    is_checked: bool,
    /// When its progress was reported last.
    reported: Instant,
    /// When bytes were received last.
    received: Instant,
}

impl UploadSession {
    /// The uploads of the client in this slot, whose messages are `replies`.
    pub(crate) fn new(
        files: Arc<FileService>,
        replies: mpsc::Sender<Message>,
        client: Arc<ClientSlot>,
    ) -> Self {
        let replies = UploadReplies::new(replies, files.metrics.clone());
        Self {
            files,
            replies,
            client,
            purpose: UploadPurpose::Store,
            check: None,
            upload: None,
            job: None,
            has_begun: false,
            delivered: DeliveredFiles::default(),
        }
    }

    /// Between two messages that show the client that the worker is there; `None` before its first file.
    pub(crate) fn keep_alive_interval(&self) -> Option<Duration> {
        self.has_begun.then_some(KEEP_ALIVE_INTERVAL)
    }

    /// Whether bytes that belong to no frame belong to a file.
    pub(crate) fn takes_bytes(&self) -> bool {
        self.upload.is_some()
    }

    /// Takes a message of file transfer. Returns any other message.
    pub(crate) async fn message(&mut self, message: Message) -> Option<Message> {
        match message {
            Message::PackageType(purpose) => self.purpose(purpose).await,
            Message::UploadCheck {
                sha256,
                name,
                resume,
            } => self.check(sha256.to_ascii_lowercase(), name, resume).await,
            Message::UploadStart(start) => self.start(start).await,
            Message::UploadEnd => self.end(true).await,
            Message::FileMeta(meta) => self.announced(meta).await,
            Message::EndOfFile => self.end(false).await,
            Message::Unknown { text } => match unsupported::of(&text) {
                Some(refusal) => self.replies.send(refusal).await,
                None => return Some(Message::Unknown { text }),
            },
            other => return Some(other),
        }
        self.has_begun = true;
        None
    }

    /// A message of file transfer that cannot be read; `word` is its first.
    pub(crate) async fn unreadable(&mut self, word: &str, reason: String) {
        self.has_begun = true;
        self.upload = None;
        self.replies.refuse(word != "FILE_META", reason).await;
    }

    /// A chunk was too large: the upload lacks it.
    pub(crate) async fn damaged(&mut self, reason: String) {
        if let Some(upload) = self.upload.take() {
            self.replies.break_off(upload.is_checked, reason).await;
        }
    }

    /// Takes bytes of the upload; waits for the disk, and beside another client's stream for the rate
    /// of uploads.
    pub(crate) async fn bytes(&mut self, chunk: Bytes, streams: bool) {
        let Some(upload) = &mut self.upload else {
            return;
        };
        let bytes = chunk.len();
        upload.received = Instant::now();
        self.files.metrics.file_bytes(bytes);
        if !upload.writer.chunk(chunk).await {
            self.end_early().await;
            return;
        }
        if upload.reported.elapsed() >= PROGRESS_INTERVAL {
            upload.reported = Instant::now();
            if !streams {
                self.client.mark_idle(Instant::now());
            }
            let progress = Message::Progress {
                received: upload.writer.written(),
                total: upload.bytes,
            };
            if upload.is_checked {
                self.replies.send(progress).await;
            }
        }
        let beside = !streams && self.files.runner.context.slots.is_busy();
        sleep(self.files.pause(bytes, beside)).await;
    }

    /// When an upload has received nothing for too long; `None` where there is none.
    pub(crate) fn overdue(&self) -> Option<Instant> {
        Some(self.upload.as_ref()?.received + CLIENT_TIMEOUT)
    }

    /// Ends an upload that receives nothing. What was written stays for a while.
    pub(crate) async fn expire(&mut self) {
        if let Some(upload) = self.upload.take() {
            let reason = format!("busy: nothing came for {} s", CLIENT_TIMEOUT.as_secs());
            self.replies.break_off(upload.is_checked, reason).await;
        }
    }

    /// The client is gone, because of `reason` where that is known. Files for which it may come back
    /// stay.
    pub(crate) fn leave(&mut self, reason: Option<CloseReason>) {
        self.upload = None;
        self.job = None;
        let delivered = &self.delivered;
        let mut delivered = delivered.lock().unwrap_or_else(PoisonError::into_inner);
        // A client that closed the channel has received everything before; of others that is not known.
        if reason == Some(CloseReason::Remote) {
            let (files, delivered) = (Arc::clone(&self.files), std::mem::take(&mut *delivered));
            spawn_blocking(move || {
                for key in delivered {
                    files.jobs.delivered(&key);
                    files.store.used(&key.sha256);
                }
            });
        }
    }

    async fn end(&mut self, is_checked: bool) {
        let Some(upload) = self.upload.take() else {
            // A refused upload is over; a client that ends it all the same has its reply.
            return;
        };
        let name = upload.name;
        match upload.writer.finish().await {
            Err(error) => {
                info!(file = %name, reason = %error, "upload failed");
                self.replies.break_off(is_checked, error.to_string()).await;
            }
            Ok(sha256) => {
                info!(file = %name, bytes = upload.bytes, "upload complete");
                self.files.metrics.upload(UploadOutcome::Complete);
                let stored = self.find(&sha256).await;
                if is_checked {
                    self.replies.send(Message::Complete(sha256)).await;
                }
                match stored {
                    Some(stored) => self.arrived(stored, name).await,
                    None => {
                        let reason = "the file is gone again";
                        self.replies.break_off(is_checked, reason.into()).await;
                    }
                }
            }
        }
    }

    /// The upload's thread has ended before its bytes have.
    async fn end_early(&mut self) {
        let Some(upload) = self.upload.take() else {
            return;
        };
        let is_checked = upload.is_checked;
        if let Err(error) = upload.writer.finish().await {
            info!(file = %upload.name, reason = %error, "upload failed");
            self.replies.break_off(is_checked, error.to_string()).await;
        }
    }

    /// A file is complete: the job begins that it is for.
    async fn arrived(&mut self, stored: StoredFile, name: FileName) {
        if !matches!(self.purpose, UploadPurpose::Predict) {
            return;
        }
        let request = JobRequest {
            stored,
            name,
            replies: self.replies.queue(),
            client: Arc::clone(&self.client),
            open: self.files.opens(),
            delivered: Arc::clone(&self.delivered),
        };
        let job = delivery::run(Arc::clone(&self.files), request);
        self.job = Some(AbortOnDropHandle::new(tokio::spawn(job)));
    }
}
