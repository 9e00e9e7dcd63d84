//! The thread that writes an upload and calculates its SHA-256.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;

use bytes::Bytes;
use ring::digest;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

use super::shelf::Half;

/// Chunks that may wait for the disk: 1 to 4 MB. Then the client's window closes.
const QUEUE: usize = 16;

/// Why an upload came to nothing.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("{received} of {expected} bytes came; send the file again")]
    Short { received: u64, expected: u64 },
    #[error("more than the {expected} bytes that were announced came")]
    Long { expected: u64 },
    #[error("what came has the SHA-256 {found}, not {expected}: the file was damaged or changed")]
    Checksum { expected: String, found: String },
    #[error("another connection goes on with this file")]
    Dismissed,
    #[error("the worker cannot write it: {0}")]
    Io(#[from] io::Error),
    #[error("the worker's writing of it stopped")]
    Stopped,
}

/// What is to become of an upload.
#[derive(Debug, Clone)]
pub(super) struct Expected {
    pub(super) bytes: u64,
    /// In small letters; `None` where the client did not say.
    pub(super) sha256: Option<String>,
}

/// An upload on its way to the disk. Dropping it leaves what came for another attempt.
pub(super) struct Intake {
    chunks: mpsc::Sender<Bytes>,
    outcome: oneshot::Receiver<Result<String, Broken>>,
    written: Arc<AtomicU64>,
}

impl Intake {
    /// Starts the thread. Must be called inside the runtime.
    pub(super) fn start(half: Half, expected: Expected) -> io::Result<Self> {
        let (chunks, queue) = mpsc::channel(QUEUE);
        let (done, outcome) = oneshot::channel();
        let written = Arc::new(AtomicU64::new(half.offset));
        let writer = Writer {
            half,
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

    /// Bytes that are on the disk, those of former attempts included.
    pub(super) fn written(&self) -> u64 {
        self.written.load(Relaxed)
    }

    /// Takes a chunk; waits for the disk. `false`: the upload has failed, [`Self::finish`] says why.
    pub(super) async fn chunk(&self, chunk: Bytes) -> bool {
        self.chunks.send(chunk).await.is_ok()
    }

    /// Everything was sent: the file's SHA-256 if it is whole.
    pub(super) async fn finish(self) -> Result<String, Broken> {
        drop(self.chunks);
        self.outcome.await.unwrap_or(Err(Broken::Stopped))
    }
}

struct Writer {
    half: Half,
    expected: Expected,
    queue: mpsc::Receiver<Bytes>,
    written: Arc<AtomicU64>,
    runtime: Handle,
    done: oneshot::Sender<Result<String, Broken>>,
}

impl Writer {
    fn run(mut self) {
        let mut digest = digest::Context::new(&digest::SHA256);
        let written = self.write(&mut digest);
        let outcome = end(self.half, written, digest, self.expected.sha256);
        // A session that is gone needs no outcome.
        let _ = self.done.send(outcome);
    }

    fn write(&mut self, digest: &mut digest::Context) -> Result<(), Broken> {
        self.known(digest)?;
        let mut received = self.half.offset;
        let expected = self.expected.bytes;
        while let Some(chunk) = self.next()? {
            let bytes = chunk.len() as u64;
            if bytes > expected - received {
                return Err(Broken::Long { expected });
            }
            self.half.file.write_all(&chunk)?;
            digest.update(&chunk);
            received += bytes;
            self.half.wrote(bytes);
            self.written.store(received, Relaxed);
        }
        match received == expected {
            true => Ok(()),
            false => Err(Broken::Short { received, expected }),
        }
    }

    /// What came in former attempts counts too.
    fn known(&mut self, digest: &mut digest::Context) -> Result<(), Broken> {
        let mut left = self.half.offset;
        let mut buffer = vec![0; 1 << 20];
        self.half.file.seek(SeekFrom::Start(0))?;
        while left > 0 {
            if self.half.dismissed.is_cancelled() {
                return Err(Broken::Dismissed);
            }
            if self.done.is_closed() {
                return Err(Broken::Stopped);
            }
            let some = buffer
                .len()
                .min(usize::try_from(left).unwrap_or(usize::MAX));
            self.half.file.read_exact(&mut buffer[..some])?;
            digest.update(&buffer[..some]);
            left -= some as u64;
        }
        Ok(())
    }

    fn next(&mut self) -> Result<Option<Bytes>, Broken> {
        let (dismissed, queue) = (&self.half.dismissed, &mut self.queue);
        self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = dismissed.cancelled() => Err(Broken::Dismissed),
                chunk = queue.recv() => Ok(chunk),
            }
        })
    }
}

/// What becomes of an upload of which so much was written.
fn end(
    half: Half,
    written: Result<(), Broken>,
    digest: digest::Context,
    expected: Option<String>,
) -> Result<String, Broken> {
    match written {
        Ok(()) => {}
        // There is nothing to go on with.
        Err(broken @ Broken::Long { .. }) => {
            half.discard();
            return Err(broken);
        }
        Err(broken) => return Err(broken),
    }
    let found = protocol::hex(digest.finish().as_ref());
    match expected {
        Some(expected) if expected != found => {
            half.discard();
            Err(Broken::Checksum { expected, found })
        }
        _ => {
            // Its name says what is in it, also after the power was gone.
            half.file.sync_data()?;
            half.complete(&found)?;
            Ok(found)
        }
    }
}
