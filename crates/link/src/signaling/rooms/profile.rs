//! The metadata of a worker in a room.

use serde_json::{Value, json};

use super::service::{GPU_MEMORY, LOAD, WorkerService};
use crate::signaling::WorkerLoad;

/// What a room shows of a worker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkerProfile {
    /// Its name.
    pub worker_name: String,
    /// Name of its machine.
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
pub(crate) enum WorkerAvailability {
    Available,
    Busy,
}

impl WorkerProfile {
    /// In the form of SLEAP-RTC's workers, without what makes SLEAP-RTC's own programs use it: its clients look
    /// for the tag `sleap-rtc`, and its workers elect the one with the most `gpu_memory_mb` as coordinator. A
    /// worker of streams runs no such jobs and coordinates nothing, so its memory has another key.
    pub(crate) fn metadata(&self, status: WorkerAvailability, load: &WorkerLoad) -> Value {
        json!({
            "tags": ["streaming-worker"],
            "properties": {
                (WorkerService::Streams.property()): self.streams,
                (WorkerService::Files.property()): self.files,
                "status": match status {
                    WorkerAvailability::Available => "available",
                    WorkerAvailability::Busy => "busy",
                },
                "worker_name": self.worker_name,
                "hostname": self.hostname,
                "gpu_model": self.gpu_model,
                "gpu_memory_mb": 0,
                (GPU_MEMORY): self.gpu_memory_mb,
                "is_admin": false,
                "supported_models": self.supported_models,
                "supported_job_types": if self.streams { &["streaming"][..] } else { &[] },
                "max_concurrent_jobs": 1,
                (LOAD): load.to_value(),
                "sleap_stream_version": self.version,
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_of_sleap_rtc_are_not_led_here() {
        let profile = WorkerProfile {
            gpu_memory_mb: 80_000,
            streams: true,
            ..WorkerProfile::default()
        };
        let load = WorkerLoad {
            streams: 4,
            free: 1,
            ..WorkerLoad::default()
        };
        let metadata = profile.metadata(WorkerAvailability::Available, &load);
        assert_eq!(metadata["tags"], json!(["streaming-worker"]));
        let properties = &metadata["properties"];
        assert_eq!(properties["gpu_memory_mb"], 0);
        assert_eq!(properties["is_admin"], false);
        assert_eq!(properties[GPU_MEMORY], 80_000);
        assert_eq!(properties[LOAD]["free"], 1);
    }
}
