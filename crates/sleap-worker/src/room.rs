//! A worker in a room of SLEAP-RTC: what lets it in, and what it says of itself there.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};
use cli::RoomArgs;
use link::signaling::rooms::{Room, WorkerProfile};
use protocol::StreamAck;
use tracing::debug;

use crate::files::Files;
use crate::machine;

/// Longest wait for the driver's word on the GPU.
const PATIENCE: Duration = Duration::from_secs(5);

/// Options of a worker in a room.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Room")]
pub struct WorkerRoomArgs {
    #[command(flatten)]
    pub room: RoomArgs,

    /// A file with the worker's key (slp_...).
    ///
    /// The variables SLEAP_RTC_ACCOUNT_KEY and SLEAP_RTC_API_KEY do as well.
    #[arg(long, value_name = "FILE")]
    pub api_key_file: Option<PathBuf>,

    /// The worker's name for people in the room (default: the machine's).
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
}

impl WorkerRoomArgs {
    /// The room to enter, if one is asked for. An error here is a usage error.
    pub(crate) fn resolve(&self, signal: Option<&str>) -> Result<Option<Room>> {
        let Some(id) = self.room.id()? else {
            return Ok(None);
        };
        if signal.is_some() {
            bail!(
                "--room and --signal are two places to meet: give one (--room-server names the room's)"
            );
        }
        let room = self.room.for_worker(id, self.api_key_file.as_deref())?;
        Ok(Some(room))
    }

    /// What those in the room are told.
    pub(crate) async fn profile(&self, ack: &StreamAck, files: &Files) -> WorkerProfile {
        let device = ack
            .model
            .as_ref()
            .map_or("cpu", |model| model.device.as_str());
        let (gpu_model, gpu_memory_mb) = gpu(device).await.unwrap_or_else(|| ("CPU".to_owned(), 0));
        let hostname = machine::name().map(|name| name.to_string_lossy().into_owned());
        let hostname = hostname.unwrap_or_else(|| "unknown".to_owned());
        WorkerProfile {
            worker_name: self.name.clone().unwrap_or_else(|| hostname.clone()),
            hostname,
            gpu_model,
            gpu_memory_mb,
            supported_models: ack.model.iter().map(|model| model.kind.clone()).collect(),
            streams: files.streams,
            // Without a model there is nothing to run over them.
            files: files.are_taken() && ack.model.is_some(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// Name and memory, in MiB, of the GPU that `device` (`cuda:0`) is.
async fn gpu(device: &str) -> Option<(String, u64)> {
    let (_, number) = device.split_once(':')?;
    let visible = std::env::var("CUDA_VISIBLE_DEVICES").unwrap_or_default();
    let id = match visible.split(',').nth(number.parse().ok()?) {
        Some(id) if !id.trim().is_empty() => id.trim().to_owned(),
        _ => number.to_owned(),
    };
    let ask = tokio::task::spawn_blocking(move || {
        Command::new("nvidia-smi")
            .arg(format!("--id={id}"))
            .args([
                "--query-gpu=name,memory.total",
                "--format=csv,noheader,nounits",
            ])
            .output()
    });
    match tokio::time::timeout(PATIENCE, ask).await {
        Ok(Ok(Ok(output))) if output.status.success() => {
            parse_gpu(&String::from_utf8_lossy(&output.stdout))
        }
        other => {
            debug!(?other, "nvidia-smi says nothing of the GPU");
            None
        }
    }
}

/// `NVIDIA A40, 46068`.
fn parse_gpu(line: &str) -> Option<(String, u64)> {
    let (name, memory) = line.lines().next()?.rsplit_once(',')?;
    Some((name.trim().to_owned(), memory.trim().parse().unwrap_or(0)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_drivers_word_is_read() {
        let gpu = parse_gpu("NVIDIA A40, 46068\n");
        assert_eq!(gpu, Some(("NVIDIA A40".to_owned(), 46_068)));
        // Boards that share their memory with the CPU name none.
        let shared = parse_gpu("Orin (nvgpu), [N/A]\n");
        assert_eq!(shared, Some(("Orin (nvgpu)".to_owned(), 0)));
        assert_eq!(parse_gpu(""), None);
    }

    #[tokio::test]
    async fn a_model_on_the_cpu_has_no_gpu() {
        assert_eq!(gpu("cpu").await, None);
    }
}
