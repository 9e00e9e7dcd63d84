//! The thread that writes an upload and calculates its SHA-256.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;

use bytes::Bytes;
use ring::digest;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::store::PartialFile;

/// Chunks that may wait for the disk: 1 to 4 MB. Then the client's window closes.
const CHUNK_QUEUE_LEN: usize = 16;

/// Why an upload failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum UploadError {
    #[error("{received} of {expected} bytes came; send the file again")]
    Short { received: u64, expected: u64 },
    #[error("more than the {expected} bytes that were announced came")]
    Long { expected: u64 },
    #[error("what came has the SHA-256 {found}, not {expected}: the file was damaged or changed")]
    Checksum { expected: String, found: String },
    #[error("another connection goes on with this file")]
    TakenOver,
    #[error("the worker cannot write it: {0}")]
    Io(#[from] io::Error),
    #[error("the worker's writing of it stopped")]
    Stopped,
}

/// What an upload is to be.
#[derive(Debug, Clone)]
pub(super) struct UploadPlan {
    pub(super) bytes: u64,
    /// In small letters; `None` where the client did not send it.
    pub(super) sha256: Option<String>,
}

/// Writes an upload to the disk. Dropping it leaves what was written for another attempt.
pub(super) struct UploadWriter {
    chunks: mpsc::Sender<Bytes>,
    outcome: oneshot::Receiver<Result<String, UploadError>>,
    written: Arc<AtomicU64>,
}

impl UploadWriter {
    /// Starts the thread. Must be called inside the runtime.
    pub(super) fn start(partial: PartialFile, expected: UploadPlan) -> io::Result<Self> {
        let (chunks, queue) = mpsc::channel(CHUNK_QUEUE_LEN);
        let (done, outcome) = oneshot::channel();
        let written = Arc::new(AtomicU64::new(partial.offset));
        let writer = WriterThread {
            partial,
            expected,
            queue,
            written: Arc::clone(&written),
            runtime: Handle::current(),
            done,
        };
        thread::Builder::new()
            .name("upload".into())
            .spawn(move || writer.run())?;
        Ok(Self {
            chunks,
            outcome,
            written,
        })
    }

    /// Bytes on the disk, those of former attempts included.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Relaxed)
    }

    /// Takes a chunk; waits for the disk. `false`: the upload has failed, [`Self::finish`] has the reason.
    pub(super) async fn chunk(&self, chunk: Bytes) -> bool {
        self.chunks.send(chunk).await.is_ok()
    }

    /// Ends the upload: the file's SHA-256 if it is complete.
    ///
    /// # Errors
    /// It is not what was announced, or cannot be written.
    pub(super) async fn finish(self) -> Result<String, UploadError> {
        drop(self.chunks);
        self.outcome.await.unwrap_or(Err(UploadError::Stopped))
    }
}

struct WriterThread {
    partial: PartialFile,
    expected: UploadPlan,
    queue: mpsc::Receiver<Bytes>,
    written: Arc<AtomicU64>,
    runtime: Handle,
    done: oneshot::Sender<Result<String, UploadError>>,
}

impl WriterThread {
    fn run(mut self) {
        let mut digest = digest::Context::new(&digest::SHA256);
        let written = self.write(&mut digest);
        let outcome = end(self.partial, written, digest, self.expected.sha256);
        // A session that has ended needs no outcome.
        let _ = self.done.send(outcome);
    }

    fn write(&mut self, digest: &mut digest::Context) -> Result<(), UploadError> {
        self.known(digest)?;
        let mut received = self.partial.offset;
        let expected = self.expected.bytes;
        while let Some(chunk) = self.next()? {
            let bytes = chunk.len() as u64;
            if bytes > expected - received {
                return Err(UploadError::Long { expected });
            }
            self.partial.file.write_all(&chunk)?;
            digest.update(&chunk);
            received += bytes;
            self.partial.wrote(bytes);
            self.written.store(received, Relaxed);
        }
        match received == expected {
            true => Ok(()),
            false => Err(UploadError::Short { received, expected }),
        }
    }

    /// Reads what was written in former attempts, for the checksum.
    fn known(&mut self, digest: &mut digest::Context) -> Result<(), UploadError> {
        let mut left = self.partial.offset;
        let mut buffer = vec![0; 1 << 20];
        self.partial.file.seek(SeekFrom::Start(0))?;
        while left > 0 {
            if self.partial.taken_over.is_cancelled() {
                return Err(UploadError::TakenOver);
            }
            if self.done.is_closed() {
                return Err(UploadError::Stopped);
            }
            let some = buffer
                .len()
                .min(usize::try_from(left).unwrap_or(usize::MAX));
            self.partial.file.read_exact(&mut buffer[..some])?;
            digest.update(&buffer[..some]);
            left -= some as u64;
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Bytes>, UploadError> {
        let (taken_over, queue) = (&self.partial.taken_over, &mut self.queue);
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = taken_over.cancelled() => Err(UploadError::TakenOver),
                chunk = queue.recv() => Ok(chunk),
            }
        })
    }
}

/// Completes the file, or removes what cannot be resumed.
fn end(
    partial: PartialFile,
    written: Result<(), UploadError>,
    digest: digest::Context,
    expected: Option<String>,
) -> Result<String, UploadError> {
    match written {
        Ok(()) => {}
        // No attempt can go on with it.
        Err(error @ UploadError::Long { .. }) => {
            partial.discard();
            return Err(error);
        }
        Err(error) => return Err(error),
    }
    let found = protocol::hex(digest.finish().as_ref());
    match expected {
        Some(expected) if expected != found => {
            partial.discard();
            Err(UploadError::Checksum { expected, found })
        }
        _ => {
            // A file of this name is complete, also after a loss of power.
            partial.file.sync_data()?;
            partial.complete(&found)?;
            Ok(found)
        }
    }
}
