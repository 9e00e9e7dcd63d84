//! A worker in a room of SLEAP-RTC: its credentials and its profile.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, bail};
use cli::RoomArgs;
use link::signaling::rooms::{Room, WorkerProfile};
use pose::{Device, Devices};
use protocol::StreamAck;
use tracing::debug;

use crate::machine;

/// Longest wait for the driver's report on the GPU.
const GPU_QUERY_TIMEOUT: Duration = Duration::from_secs(5);

/// Options of a worker in a room.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Rooms")]
pub struct WorkerRoomArgs {
    #[command(flatten)]
    pub room: RoomArgs,

    /// A file with the worker's key (slp_...).
    ///
    /// The variables SLEAP_RTC_ACCOUNT_KEY and SLEAP_RTC_API_KEY do as well.
    #[arg(long, value_name = "FILE")]
    pub api_key_file: Option<PathBuf>,

    /// The worker's name in the room and at a signaling server of --signal (default: made of the machine's).
    ///
    /// With --signal it stands in the pairing link, which stays valid as long as the name is the same.
    #[arg(long, value_name = "NAME", value_parser = cli::printable_name)]
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
                "--room and --signal are two rendezvous: give one (--room-server names the room's server)"
            );
        }
        let room = self.room.for_worker(id, self.api_key_file.as_deref())?;
        Ok(Some(room))
    }

    /// The profile that members of the room see.
    pub(crate) async fn profile(
        &self,
        ack: &StreamAck,
        takes_streams: bool,
        takes_files: bool,
    ) -> WorkerProfile {
        let devices = ack.model.as_ref().map(|it| it.device.parse::<Devices>());
        // The profile has room for one; the others are of its kind, as a rule.
        let device = devices.and_then(|devices| Some(devices.ok()?.first()));
        let gpu = gpu(device.unwrap_or(Device::Cpu)).await;
        let (gpu_model, gpu_memory_mb) = gpu.unwrap_or_else(|| ("CPU".to_owned(), 0));
        let hostname = machine::name().map(|name| name.to_string_lossy().into_owned());
        let hostname = hostname.unwrap_or_else(|| "unknown".to_owned());
        WorkerProfile {
            worker_name: self.name.clone().unwrap_or_else(|| hostname.clone()),
            hostname,
            gpu_model,
            gpu_memory_mb,
            supported_models: ack.model.iter().map(|model| model.kind.clone()).collect(),
            streams: takes_streams,
            // Without a model there is nothing to run over them.
            files: takes_files && ack.model.is_some(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}

/// Name and memory, in MiB, of a device that is a GPU.
async fn gpu(device: Device) -> Option<(String, u64)> {
    let (Device::Cuda(number) | Device::TensorRt(number)) = device else {
        return None;
    };
    let visible = std::env::var("CUDA_VISIBLE_DEVICES").unwrap_or_default();
    let id = match visible.split(',').nth(usize::try_from(number).ok()?) {
        Some(id) if !id.trim().is_empty() => id.trim().to_owned(),
        _ => number.to_string(),
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
    match tokio::time::timeout(GPU_QUERY_TIMEOUT, ask).await {
        Ok(Ok(Ok(output))) if output.status.success() => {
            parse_gpu(&String::from_utf8_lossy(&output.stdout))
        }
        other => {
            debug!(?other, "nvidia-smi reports nothing on the GPU");
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
    fn the_drivers_report_is_read() {
        let gpu = parse_gpu("NVIDIA A40, 46068\n");
        assert_eq!(gpu, Some(("NVIDIA A40".to_owned(), 46_068)));
        // Boards that share their memory with the CPU name none.
        let shared = parse_gpu("Orin (nvgpu), [N/A]\n");
        assert_eq!(shared, Some(("Orin (nvgpu)".to_owned(), 0)));
        assert_eq!(parse_gpu(""), None);
    }

    #[tokio::test]
    async fn a_model_on_the_cpu_has_no_gpu() {
        assert_eq!(gpu(Device::Cpu).await, None);
    }
}
