//! Making a session: which device, which threads.

use std::path::Path;

use ort::{
    ep,
    session::builder::{GraphOptimizationLevel, SessionBuilder},
};

use super::{Session, SessionError};
use crate::{device::Device, runtime};

/// Loads `path` for `device`, with `threads` threads within an operation (all cores if `None`).
pub(super) fn load(
    path: &Path,
    device: Device,
    threads: Option<usize>,
    spinning: bool,
) -> Result<Session, SessionError> {
    let build = |device| build(path, device, threads, spinning);
    match device {
        Device::Cpu => build(Device::Cpu),
        Device::Auto if !cuda_provider_is_installed() => build(Device::Cpu),
        Device::Auto => build(Device::Cuda(0)).or_else(|error| {
            tracing::warn!(%error, "CUDA cannot be used, running on the CPU");
            build(Device::Cpu)
        }),
        // A GPU may be missed only when the graph is prepared: then the graph is sound.
        gpu => build(gpu).map_err(|error| match error {
            SessionError::Graph { message, .. } if build(Device::Cpu).is_ok() => {
                SessionError::Device {
                    device: gpu,
                    message,
                }
            }
            error => error,
        }),
    }
}

fn build(
    path: &Path,
    device: Device,
    threads: Option<usize>,
    spinning: bool,
) -> Result<Session, SessionError> {
    let environment = runtime::environment()?;
    let mut builder =
        options(environment, threads, spinning).map_err(|error| SessionError::Run {
            message: error.to_string(),
        })?;
    let providers = providers(device);
    if !providers.is_empty() {
        builder = builder
            .with_execution_providers(providers)
            .map_err(|error| SessionError::Device {
                device,
                message: error.to_string(),
            })?;
    }
    let inner = builder
        .commit_from_file(path)
        .map_err(|error| SessionError::Graph {
            path: path.to_owned(),
            message: error.to_string(),
        })?;
    let names = inner
        .outputs()
        .iter()
        .map(|output| output.name().to_owned());
    let output_names = names.collect();
    Ok(Session {
        inner,
        device,
        output_names,
    })
}

fn options(
    environment: &ort::environment::Environment,
    threads: Option<usize>,
    spinning: bool,
) -> ort::Result<SessionBuilder> {
    let threads = threads.unwrap_or_else(usable_cores).max(1);
    Ok(ort::session::Session::builder(environment)?
        .with_optimization_level(GraphOptimizationLevel::Level3)?
        .with_intra_threads(threads)?
        .with_intra_op_spinning(spinning)?)
}

/// Physical cores, or fewer where the process may use fewer (affinity, container quota). More
/// threads than cores cost a session two thirds of its speed.
fn usable_cores() -> usize {
    let allowed = std::thread::available_parallelism().map_or(1, usize::from);
    num_cpus::get_physical().min(allowed)
}

/// Without `error_on_failure` ONNX Runtime falls back to the CPU without a word.
fn providers(device: Device) -> Vec<ep::ExecutionProviderDispatch> {
    // Indices are below i32::MAX: `Device` parses no others, and a made one is cut to it.
    let id = |index: u32| i32::try_from(index).unwrap_or(i32::MAX);
    match device {
        Device::Auto | Device::Cpu => Vec::new(),
        Device::Cuda(index) => vec![
            ep::CUDA::default()
                .with_device_id(id(index))
                .build()
                .error_on_failure(),
        ],
        Device::TensorRt(index) => vec![
            ep::TensorRT::default()
                .with_device_id(id(index))
                .build()
                .error_on_failure(),
        ],
    }
}

/// The CUDA provider is a library of its own beside ONNX Runtime's.
fn cuda_provider_is_installed() -> bool {
    let Some(dir) = runtime::current().and_then(|info| info.path.parent()) else {
        return false;
    };
    let (prefix, suffix) = (std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX);
    dir.join(format!("{prefix}onnxruntime_providers_cuda{suffix}"))
        .exists()
}
