//! Use and memory of NVIDIA GPUs, as the driver's library NVML reports them.

use std::thread;
use std::time::Duration;

use nvml_wrapper::Nvml;
use nvml_wrapper::error::NvmlError;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tracing::{debug, warn};

/// GPUs that are reported.
const MAX_GPUS: u32 = 64;

/// Longest wait for the driver. A GPU that hangs must not hold up the other metrics.
const READ_TIMEOUT: Duration = Duration::from_secs(1);

/// A GPU at this moment. What its driver does not report is left out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct GpuSample {
    /// NVML's index, by the place on the bus.
    pub(super) index: u32,
    pub(super) name: String,
    /// The share of the last second in which the GPU was busy, 0 to 1.
    pub(super) utilization: Option<f64>,
    pub(super) memory: Option<GpuMemory>,
}

/// Bytes of a GPU's memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct GpuMemory {
    pub(super) used: u64,
    pub(super) total: u64,
}

/// Reads GPUs on a thread of its own, which ends when this is dropped. The thread is not joined: a
/// driver that hangs would hold up the worker's end.
pub(super) struct GpuReader {
    requests: mpsc::Sender<oneshot::Sender<Vec<GpuSample>>>,
}

impl GpuReader {
    /// Loads NVML. Without it there are no GPUs to read.
    pub(super) fn start() -> Self {
        let (requests, waiting) = mpsc::channel(1);
        let thread = thread::Builder::new().name("gpu metrics".to_owned());
        if let Err(error) = thread.spawn(move || answer(waiting)) {
            warn!(%error, "no metrics of GPUs: no thread can be started");
        }
        Self { requests }
    }

    /// All GPUs now; none without NVML, or where it does not answer in time.
    pub(super) async fn read(&self) -> Vec<GpuSample> {
        let (reply, samples) = oneshot::channel();
        let read = async {
            self.requests.send(reply).await.ok()?;
            samples.await.ok()
        };
        timeout(READ_TIMEOUT, read)
            .await
            .ok()
            .flatten()
            .unwrap_or_default()
    }
}

/// Answers requests until the reader is dropped. Returns at once without NVML.
fn answer(mut requests: mpsc::Receiver<oneshot::Sender<Vec<GpuSample>>>) {
    let nvml = match Nvml::init() {
        Ok(nvml) => nvml,
        Err(error) => return debug!(%error, "no metrics of GPUs: NVML cannot be used"),
    };
    while let Some(reply) = requests.blocking_recv() {
        // A request whose timeout has passed takes no answer.
        let _ = reply.send(samples(&nvml));
    }
}

fn samples(nvml: &Nvml) -> Vec<GpuSample> {
    let count = nvml.device_count().unwrap_or(0).min(MAX_GPUS);
    let sample = |index| sample(nvml, index).ok();
    (0..count).filter_map(sample).collect()
}

fn sample(nvml: &Nvml, index: u32) -> Result<GpuSample, NvmlError> {
    let device = nvml.device_by_index(index)?;
    let memory = device.memory_info().ok();
    Ok(GpuSample {
        index,
        name: device.name().unwrap_or_default(),
        utilization: device
            .utilization_rates()
            .ok()
            .map(|rates| f64::from(rates.gpu) / 100.0),
        memory: memory.map(|memory| GpuMemory {
            used: memory.used,
            total: memory.total,
        }),
    })
}
