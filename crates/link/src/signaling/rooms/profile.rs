//! What a worker says of itself in a room.

use serde_json::{Value, json};

use super::service::{GPU_MEMORY, Service};

/// What a room shows of a worker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Profile {
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
pub(crate) enum Status {
    Available,
    Busy,
}

impl Profile {
    /// In the form of SLEAP-RTC's workers, without what leads its programs here: its clients look for
    /// the tag `sleap-rtc`, and its workers elect whoever has the most `gpu_memory_mb` to coordinate
    /// them. A worker of streams does neither jobs nor that, so it has its memory under another name.
    pub(crate) fn metadata(&self, status: Status) -> Value {
        json!({
            "tags": ["streaming-worker"],
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
                "gpu_memory_mb": 0,
                (GPU_MEMORY): self.gpu_memory_mb,
                "is_admin": false,
                "supported_models": self.supported_models,
                "supported_job_types": if self.streams { &["streaming"][..] } else { &[] },
                "max_concurrent_jobs": 1,
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
        let profile = Profile {
            gpu_memory_mb: 80_000,
            streams: true,
            ..Profile::default()
        };
        let metadata = profile.metadata(Status::Available);
        assert_eq!(metadata["tags"], json!(["streaming-worker"]));
        let properties = &metadata["properties"];
        assert_eq!(properties["gpu_memory_mb"], 0);
        assert_eq!(properties["is_admin"], false);
        assert_eq!(properties[GPU_MEMORY], 80_000);
    }
}
