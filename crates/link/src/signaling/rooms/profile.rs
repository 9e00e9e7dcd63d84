//! What a worker says of itself in a room.

use serde_json::{Value, json};

use super::Service;

/// What clients, and people who look at a room, are told of a worker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
    /// Its name for people.
    pub worker_name: String,
    pub hostname: String,
    /// `CPU` where there is no GPU.
    pub gpu_model: String,
    /// Memory of the GPU, in MiB; 0 without one.
    pub gpu_memory_mb: u64,
    /// Kinds of models that it has.
    pub supported_models: Vec<String>,
    /// Whether it takes streams.
    pub streams: bool,
    /// Whether it runs its model over files.
    pub files: bool,
    /// Version of this program.
    pub version: String,
}

/// Whether a worker could take a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Status {
    Available,
    Busy,
}

impl Profile {
    /// As SLEAP-RTC's workers say it, with `streaming` besides.
    pub(crate) fn metadata(&self, status: Status) -> Value {
        json!({
            "tags": ["sleap-rtc", "inference-worker", "streaming-worker"],
            "properties": {
                (Service::Streams.property()): self.streams,
                (Service::Files.property()): self.files,
                "status": match status {
                    Status::Available => "available",
                    Status::Busy => "busy",
                },
                "worker_name": self.worker_name,
                "hostname": self.hostname,
                "gpu_model": self.gpu_model,
                "gpu_memory_mb": self.gpu_memory_mb,
                "supported_models": self.supported_models,
                "supported_job_types": if self.streams { &["streaming"][..] } else { &[] },
                "max_concurrent_jobs": 1,
                "sleap_stream_version": self.version,
            },
        })
    }
}
