//! A client's side of file transfer: its upload, and the job that follows.

use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use link::CloseReason;
use protocol::{FileMeta, FileName, Message, PackageType, UploadResume, UploadStart};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, info};

use super::deliver::{Order, Served};
use super::intake::{Expected, Intake};
use super::shelf::{Half, Refusal, Whole};
use super::{KEEP_ALIVE, PATIENCE, deliver, refusals, stock};
use crate::metrics::UploadEnd;
use crate::places::Place;
use crate::session::Worker;

/// Between two words on how much has come.
const TELL: Duration = Duration::from_millis(500);

/// How long the former connection of a client that came back may take to let go of its file.
const CLEARING: Duration = Duration::from_secs(5);

/// What a client that sends files has at the worker.
pub(crate) struct Desk {
    worker: Arc<Worker>,
    replies: mpsc::Sender<Message>,
    place: Arc<Place>,
    purpose: Purpose,
    offer: Option<Offer>,
    upload: Option<Upload>,
    job: Option<AbortOnDropHandle<()>>,
    /// Files that are of no further use once this client is content.
    served: Served,
    keep_alive: Option<AbortOnDropHandle<()>>,
}

/// What the client wants with its files.
enum Purpose {
    Store,
    Predict,
    /// Something that is not done here.
    Refused(String),
}

/// What FILE_UPLOAD_CHECK said.
struct Offer {
    sha256: String,
    resume: Option<UploadResume>,
}

struct Upload {
    intake: Intake,
    name: FileName,
    bytes: u64,
    /// Whether it ends with FILE_UPLOAD_END, or with END_OF_FILE.
    is_checked: bool,
    told: Instant,
    /// When bytes came last.
    heard: Instant,
}

impl Desk {
    pub(crate) fn new(
        worker: Arc<Worker>,
        replies: mpsc::Sender<Message>,
        place: Arc<Place>,
    ) -> Self {
        Self {
            worker,
            replies,
            place,
            purpose: Purpose::Store,
            offer: None,
            upload: None,
            job: None,
            served: Served::default(),
            keep_alive: None,
        }
    }

    /// Whether bytes that belong to no frame are those of a file.
    pub(crate) fn takes_bytes(&self) -> bool {
        self.upload.is_some()
    }

    /// Takes a message of file transfer; gives back what is none.
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
            Message::Unknown { text } => match refusals::of(&text) {
                Some(refusal) => self.say(refusal).await,
                None => return Some(Message::Unknown { text }),
            },
            other => return Some(other),
        }
        self.stays();
        None
    }

    /// A message of file transfer that cannot be read, about which `word` is known.
    pub(crate) async fn unreadable(&mut self, word: &str, reason: String) {
        self.stays();
        self.upload = None;
        self.refuse(word != "FILE_META", reason).await;
    }

    /// A chunk that is too large for any: the upload lacks it.
    pub(crate) async fn damaged(&mut self, reason: String) {
        if let Some(upload) = self.upload.take() {
            self.breaks(upload.is_checked, reason).await;
        }
    }

    /// Takes bytes of the upload; waits for the disk, and beside somebody else's stream for its turn.
    pub(crate) async fn bytes(&mut self, chunk: Bytes, streams: bool) {
        let Some(upload) = &mut self.upload else {
            return;
        };
        let bytes = chunk.len();
        upload.heard = Instant::now();
        self.worker.metrics.file_bytes(bytes);
        if !upload.intake.chunk(chunk).await {
            self.end_badly().await;
            return;
        }
        if upload.told.elapsed() >= TELL {
            upload.told = Instant::now();
            if !streams {
                self.place.idle_since(Instant::now());
            }
            let progress = Message::Progress {
                received: upload.intake.written(),
                total: upload.bytes,
            };
            if upload.is_checked {
                self.say(progress).await;
            }
        }
        let beside = !streams && self.worker.stage.is_busy();
        sleep(self.worker.files.pause(bytes, beside)).await;
    }

    /// When an upload has brought nothing for too long; `None` where there is none.
    pub(crate) fn overdue(&self) -> Option<Instant> {
        Some(self.upload.as_ref()?.heard + PATIENCE)
    }

    /// Gives up an upload that brings nothing. What came of it stays for a while.
    pub(crate) async fn expire(&mut self) {
        if let Some(upload) = self.upload.take() {
            let reason = format!("busy: nothing came for {} s", PATIENCE.as_secs());
            self.breaks(upload.is_checked, reason).await;
        }
    }

    /// The client is gone, because of this where it is known; what it may come back for stays.
    pub(crate) fn leave(&mut self, reason: Option<CloseReason>) {
        self.upload = None;
        self.job = None;
        let mut served = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        // One that has left has what was sent before; of others nobody knows.
        if reason == Some(CloseReason::Remote) {
            let (worker, served) = (Arc::clone(&self.worker), std::mem::take(&mut *served));
            spawn_blocking(move || {
                for key in served {
                    worker.files.bench.delivered(&key);
                    worker.files.shelf.used(&key.sha256);
                }
            });
        }
    }

    async fn purpose(&mut self, purpose: PackageType) {
        let refused = match purpose {
            PackageType::Track if self.worker.ack.model.is_some() => {
                self.purpose = Purpose::Predict;
                return;
            }
            PackageType::Track => "this worker has no model (--model)".to_owned(),
            PackageType::Train | PackageType::Other(_) => refusals::package(),
        };
        self.purpose = Purpose::Refused(refused.clone());
        self.say(Message::FileError(refused)).await;
    }

    /// Why no file is taken now, whatever it is.
    fn refusal(&self) -> Option<String> {
        if let Purpose::Refused(reason) = &self.purpose {
            return Some(reason.clone());
        }
        if self.worker.stage.is_closed() {
            return Some("busy: the worker is shutting down".into());
        }
        let runs = |job: &AbortOnDropHandle<()>| !job.is_finished();
        let busy = self.job.as_ref().is_some_and(runs);
        busy.then(|| "busy: the model still runs over the file before this one".into())
    }

    async fn check(&mut self, sha256: String, name: FileName, resume: Option<UploadResume>) {
        self.upload = None;
        if let Some(reason) = self.refusal() {
            return self.refuse(true, reason).await;
        }
        if let Some(whole) = self.find(&sha256).await {
            debug!(%sha256, "the file is there already");
            self.say(Message::CacheHit(sha256)).await;
            return self.arrived(whole, name).await;
        }
        let shelf = &self.worker.files.shelf;
        let offset = match &resume {
            Some(resume) => match shelf.check_size(resume.bytes) {
                Err(refusal) => return self.refuse(true, words(&refusal)).await,
                Ok(()) => Some(shelf.held(&sha256, resume.bytes)),
            },
            None => None,
        };
        self.offer = Some(Offer { sha256, resume });
        self.say(Message::UploadReady(offset)).await;
    }

    /// `dest` is a place on some other worker's disk: here files have one place.
    async fn start(&mut self, start: UploadStart) {
        self.upload = None;
        let Some(offer) = self.offer.take() else {
            let reason = "say FILE_UPLOAD_CHECK first";
            return self.refuse(true, reason.into()).await;
        };
        let resumes = offer.resume.is_some();
        let id = offer.resume.map(|resume| resume.upload_id);
        let key = offer.sha256.clone();
        let expected = Expected {
            bytes: start.bytes,
            sha256: Some(offer.sha256),
        };
        match self.begin(key, id, expected, start.name, true).await {
            Err(refusal) => self.refuse(true, words(&refusal)).await,
            Ok(offset) => {
                let offset = resumes.then_some(offset);
                self.say(Message::UploadReady(offset)).await;
            }
        }
    }

    /// The old form, without a checksum and without an answer before the end.
    async fn announced(&mut self, meta: FileMeta) {
        self.upload = None;
        let is_script = meta.name.as_str().to_ascii_lowercase().ends_with(".zip");
        let refused = self.refusal().or_else(|| is_script.then(refusals::package));
        if let Some(reason) = refused {
            return self.refuse(false, reason).await;
        }
        let expected = Expected {
            bytes: meta.size,
            sha256: None,
        };
        let begun = match stock::new_file() {
            Ok(key) => self.begin(key, None, expected, meta.name, false).await,
            Err(error) => Err(Refusal::Io(error)),
        };
        if let Err(refusal) = begun {
            self.refuse(false, words(&refusal)).await;
        }
    }

    /// The file with this SHA-256, if it is there whole.
    async fn find(&self, sha256: &str) -> Option<Whole> {
        let (shelf, sha256) = (Arc::clone(&self.worker.files.shelf), sha256.to_owned());
        let found = spawn_blocking(move || shelf.find(&sha256)).await;
        found.ok().flatten()
    }

    /// Begins an upload, and says how much of it is there.
    async fn begin(
        &mut self,
        key: String,
        id: Option<String>,
        expected: Expected,
        name: FileName,
        is_checked: bool,
    ) -> Result<u64, Refusal> {
        if let Some(reason) = self.refusal() {
            return Err(Refusal::Unwanted(reason));
        }
        let half = match self.half(&key, expected.bytes, id.clone()).await {
            Err(Refusal::Former(former)) => {
                debug!("the upload's former connection is sent away");
                former.cancel();
                let freed = self.worker.files.shelf.freed(&key);
                // Where it does not go, the next attempt says so.
                let _ = timeout(CLEARING, freed).await;
                self.half(&key, expected.bytes, id).await?
            }
            half => half?,
        };
        let (offset, bytes) = (half.offset, expected.bytes);
        info!(file = %name, bytes, offset, "upload starts");
        self.upload = Some(Upload {
            intake: Intake::start(half, expected)?,
            name,
            bytes,
            is_checked,
            told: Instant::now(),
            heard: Instant::now(),
        });
        Ok(offset)
    }

    async fn half(&self, key: &str, bytes: u64, id: Option<String>) -> Result<Half, Refusal> {
        let (worker, key) = (Arc::clone(&self.worker), key.to_owned());
        let begin = move || {
            let (shelf, bench) = (&worker.files.shelf, &worker.files.bench);
            match shelf.begin(&key, bytes, id.as_deref()) {
                Err(Refusal::Quota { .. } | Refusal::Disk { .. }) if bench.make_room() => {
                    shelf.begin(&key, bytes, id.as_deref())
                }
                begun => begun,
            }
        };
        let begun = spawn_blocking(begin).await;
        begun.unwrap_or_else(|error| Err(Refusal::Io(std::io::Error::other(error))))
    }

    async fn end(&mut self, is_checked: bool) {
        let Some(upload) = self.upload.take() else {
            // What was refused is over; a client that says so anyway has been answered.
            return;
        };
        let name = upload.name;
        match upload.intake.finish().await {
            Err(broken) => {
                info!(file = %name, reason = %broken, "upload failed");
                self.breaks(is_checked, broken.to_string()).await;
            }
            Ok(sha256) => {
                info!(file = %name, bytes = upload.bytes, "upload complete");
                self.worker.metrics.upload(UploadEnd::Complete);
                let whole = self.find(&sha256).await;
                if is_checked {
                    self.say(Message::Complete(sha256)).await;
                }
                match whole {
                    Some(whole) => self.arrived(whole, name).await,
                    None => {
                        self.breaks(is_checked, "the file is gone again".into())
                            .await
                    }
                }
            }
        }
    }

    /// The upload's thread has ended before its bytes have.
    async fn end_badly(&mut self) {
        let Some(upload) = self.upload.take() else {
            return;
        };
        let is_checked = upload.is_checked;
        if let Err(broken) = upload.intake.finish().await {
            info!(file = %upload.name, reason = %broken, "upload failed");
            self.breaks(is_checked, broken.to_string()).await;
        }
    }

    /// A file is there: what it is for.
    async fn arrived(&mut self, whole: Whole, name: FileName) {
        if !matches!(self.purpose, Purpose::Predict) {
            return;
        }
        let order = Order {
            whole,
            name,
            replies: self.replies.clone(),
            place: Arc::clone(&self.place),
            open: self.worker.files.opens(&self.worker.metrics),
            served: Arc::clone(&self.served),
        };
        let job = deliver::run(Arc::clone(&self.worker), order);
        self.job = Some(AbortOnDropHandle::new(tokio::spawn(job)));
    }

    /// From its first message on, the client hears that the worker is there.
    fn stays(&mut self) {
        let replies = &self.replies;
        self.keep_alive.get_or_insert_with(|| {
            let replies = replies.clone();
            AbortOnDropHandle::new(tokio::spawn(async move {
                let mut due = interval(KEEP_ALIVE);
                due.set_missed_tick_behavior(MissedTickBehavior::Delay);
                due.tick().await;
                loop {
                    due.tick().await;
                    // Where more waits to be sent, that says it.
                    if let Err(mpsc::error::TrySendError::Closed(_)) =
                        replies.try_send(Message::KeepAlive)
                    {
                        return;
                    }
                }
            }))
        });
    }

    /// A file is not taken.
    async fn refuse(&self, is_checked: bool, reason: String) {
        self.worker.metrics.upload(UploadEnd::Refused);
        self.fails(is_checked, reason).await;
    }

    /// An upload came to nothing.
    async fn breaks(&self, is_checked: bool, reason: String) {
        self.worker.metrics.upload(UploadEnd::Broken);
        self.fails(is_checked, reason).await;
    }

    async fn fails(&self, is_checked: bool, reason: String) {
        info!(%reason, "file refused");
        self.say(match is_checked {
            true => Message::UploadError(reason),
            false => Message::FileError(reason),
        })
        .await;
    }

    async fn say(&self, message: Message) {
        // Without a way to the client there is nothing to say; the session ends by itself.
        let _ = self.replies.send(message).await;
    }
}

/// A refusal, as the client hears it.
fn words(refusal: &Refusal) -> String {
    match refusal.passes() {
        true => format!("busy: {refusal}"),
        false => refusal.to_string(),
    }
}
