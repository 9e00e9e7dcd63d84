//! A client's requests to send a file: what it is for, whether it is taken, where the upload begins.

use std::sync::Arc;
use std::time::Instant;

use protocol::{FileMeta, FileName, Message, PackageType, UploadResume, UploadStart};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;
use tracing::{debug, info};

use super::{OpenUpload, TAKEOVER_TIMEOUT, UploadCheck, UploadPurpose, UploadSession};
use crate::files::store::{self, PartialFile, StoreRefusal, StoredFile};
use crate::files::unsupported;
use crate::files::upload_writer::{UploadPlan, UploadWriter};

impl UploadSession {
    /// Takes the purpose of the files that follow.
    pub(super) async fn purpose(&mut self, purpose: PackageType) {
        let refused = match purpose {
            PackageType::Track if self.files.runner.context.ack.model.is_some() => {
                self.purpose = UploadPurpose::Predict;
                return;
            }
            PackageType::Track => "this worker has no model (--model)".to_owned(),
            PackageType::Train | PackageType::Other(_) => unsupported::package(),
        };
        self.purpose = UploadPurpose::Refused(refused.clone());
        self.replies.send(Message::FileError(refused)).await;
    }

    /// Why no file is taken at this moment, whatever it is.
    fn refusal(&self) -> Option<String> {
        if let UploadPurpose::Refused(reason) = &self.purpose {
            return Some(reason.clone());
        }
        if self.files.runner.context.slots.is_closed() {
            return Some("busy: the worker is shutting down".into());
        }
        let runs = |job: &AbortOnDropHandle<()>| !job.is_finished();
        let is_busy = self.job.as_ref().is_some_and(runs);
        is_busy.then(|| "busy: the model still runs over the file before this one".into())
    }

    /// FILE_UPLOAD_CHECK: whether the file is there, or how much of it.
    pub(super) async fn check(
        &mut self,
        sha256: String,
        name: FileName,
        resume: Option<UploadResume>,
    ) {
        self.upload = None;
        if let Some(reason) = self.refusal() {
            return self.replies.refuse(true, reason).await;
        }
        if let Some(stored) = self.find(&sha256).await {
            debug!(%sha256, "the file is there already");
            self.replies.send(Message::CacheHit(sha256)).await;
            return self.arrived(stored, name).await;
        }
        let store = &self.files.store;
        let offset = match &resume {
            Some(resume) => match store.check_size(resume.bytes) {
                Err(refusal) => return self.replies.refuse(true, refusal.words()).await,
                Ok(()) => Some(store.held(&sha256, resume.bytes)),
            },
            None => None,
        };
        self.check = Some(UploadCheck { sha256, resume });
        self.replies.send(Message::UploadReady(offset)).await;
    }

    /// FILE_UPLOAD_START. Its `dest` is a folder on another kind of worker: here all files have one.
    pub(super) async fn start(&mut self, start: UploadStart) {
        self.upload = None;
        let Some(check) = self.check.take() else {
            let reason = "say FILE_UPLOAD_CHECK first";
            return self.replies.refuse(true, reason.into()).await;
        };
        let resumes = check.resume.is_some();
        let id = check.resume.map(|resume| resume.upload_id);
        let key = check.sha256.clone();
        let plan = UploadPlan {
            bytes: start.bytes,
            sha256: Some(check.sha256),
        };
        match self.begin(key, id, plan, start.name, true).await {
            Err(refusal) => self.replies.refuse(true, refusal.words()).await,
            Ok(offset) => {
                let offset = resumes.then_some(offset);
                self.replies.send(Message::UploadReady(offset)).await;
            }
        }
    }

    /// FILE_META: the old form, without a checksum and without a reply before the end.
    pub(super) async fn announced(&mut self, meta: FileMeta) {
        self.upload = None;
        let is_script = meta.name.as_str().to_ascii_lowercase().ends_with(".zip");
        let refused = self
            .refusal()
            .or_else(|| is_script.then(unsupported::package));
        if let Some(reason) = refused {
            return self.replies.refuse(false, reason).await;
        }
        let plan = UploadPlan {
            bytes: meta.size,
            sha256: None,
        };
        let begun = match store::new_file() {
            Ok(key) => self.begin(key, None, plan, meta.name, false).await,
            Err(error) => Err(StoreRefusal::Io(error)),
        };
        if let Err(refusal) = begun {
            self.replies.refuse(false, refusal.words()).await;
        }
    }

    /// The file with this SHA-256, if it is there and complete.
    pub(super) async fn find(&self, sha256: &str) -> Option<StoredFile> {
        let (store, sha256) = (Arc::clone(&self.files.store), sha256.to_owned());
        let found = spawn_blocking(move || store.find(&sha256)).await;
        found.ok().flatten()
    }

    /// Begins an upload. Returns how many of its bytes are there.
    async fn begin(
        &mut self,
        key: String,
        id: Option<String>,
        plan: UploadPlan,
        name: FileName,
        is_checked: bool,
    ) -> Result<u64, StoreRefusal> {
        if let Some(reason) = self.refusal() {
            return Err(StoreRefusal::Unwanted(reason));
        }
        let partial = match self.partial(&key, plan.bytes, id.clone()).await {
            Err(StoreRefusal::Former(former)) => {
                debug!("the upload's former connection is closed");
                former.cancel();
                let freed = self.files.store.freed(&key);
                // Where it does not end, the next attempt is refused.
                let _ = timeout(TAKEOVER_TIMEOUT, freed).await;
                self.partial(&key, plan.bytes, id).await?
            }
            partial => partial?,
        };
        let (offset, bytes) = (partial.offset, plan.bytes);
        info!(file = %name, bytes, offset, "upload starts");
        self.upload = Some(OpenUpload {
            writer: UploadWriter::start(partial, plan)?,
            name,
            bytes,
            is_checked,
            reported: Instant::now(),
            received: Instant::now(),
        });
        Ok(offset)
    }

    async fn partial(
        &self,
        key: &str,
        bytes: u64,
        id: Option<String>,
    ) -> Result<PartialFile, StoreRefusal> {
        let (files, key) = (Arc::clone(&self.files), key.to_owned());
        let begin = move || match files.store.begin(&key, bytes, id.as_deref()) {
            Err(StoreRefusal::Quota { .. } | StoreRefusal::Disk { .. })
                if files.jobs.make_room() =>
            {
                files.store.begin(&key, bytes, id.as_deref())
            }
            begun => begun,
        };
        let begun = spawn_blocking(begin).await;
        begun.unwrap_or_else(|error| Err(StoreRefusal::Io(std::io::Error::other(error))))
    }
}
