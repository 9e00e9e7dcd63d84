//! What a worker offers, and the property of its metadata for it.

use std::fmt;

/// The property with the memory of a worker's GPU, in MiB.
pub(super) const GPU_MEMORY: &str = "streaming_gpu_memory_mb";

/// The property with how much room a worker has.
pub(super) const LOAD: &str = "streaming_load";

/// What a client uses a worker for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorkerService {
    /// Poses of a stream's frames.
    Streams,
    /// Poses of a video that is sent as a file.
    Files,
}

impl WorkerService {
    /// The property of a worker that offers the service.
    pub(crate) fn property(self) -> &'static str {
        match self {
            Self::Streams => "streaming",
            Self::Files => "sleap_stream_files",
        }
    }
}

/// As what a worker does: it `streams`.
impl fmt::Display for WorkerService {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Streams => "streams",
            Self::Files => "predicts videos that are sent as files",
        })
    }
}
