//! The execution providers of each device: whether they can be used, and their settings.

use std::{env, path::PathBuf};

use ort::{
    ep::{self, ArbitrarilyConfigurableExecutionProvider, ExecutionProviderDispatch},
    session::builder::SessionBuilder,
};

use super::{
    preparation::{Preparation, TensorRtProfile},
    python_libraries, threads,
};
use crate::{
    device::Device,
    gpu,
    options::Options,
    runtime::{self, RuntimeError},
    unusable_device::UnusableDevice,
};

/// A provider that is a library of its own beside ONNX Runtime's.
pub(crate) struct Provider {
    /// In messages.
    pub(crate) name: &'static str,
    /// In ONNX Runtime's lists.
    pub(crate) execution: &'static str,
    /// Its library, without the system's prefix and suffix.
    stem: &'static str,
    /// The package that has it, for a message.
    install: &'static str,
    /// It runs on NVIDIA's GPUs.
    is_nvidia: bool,
}

/// What CUDA devices run on, and TensorRT devices for nodes that TensorRT does not take.
pub(crate) const CUDA: Provider = Provider {
    name: "CUDA",
    execution: "CUDAExecutionProvider",
    stem: "onnxruntime_providers_cuda",
    install: GPU_PACKAGE,
    is_nvidia: true,
};

/// What TensorRT devices run on.
pub(crate) const TENSORRT: Provider = Provider {
    name: "TensorRT",
    execution: "TensorrtExecutionProvider",
    stem: "onnxruntime_providers_tensorrt",
    install: GPU_PACKAGE,
    is_nvidia: true,
};

/// What OpenVINO devices run on.
const OPENVINO: Provider = Provider {
    name: "OpenVINO",
    execution: "OpenVINOExecutionProvider",
    stem: "onnxruntime_providers_openvino",
    install: "onnxruntime-openvino in place of onnxruntime, \
              `pip uninstall onnxruntime; pip install onnxruntime-openvino`",
    is_nvidia: false,
};

const GPU_PACKAGE: &str = "onnxruntime-gpu, `pip install 'onnxruntime-gpu[cuda,cudnn]'`";

impl Provider {
    /// Where its library has to be; `None` where the system's loader found ONNX Runtime itself, so
    /// that its folder is not known.
    pub(crate) fn library(&self) -> Option<PathBuf> {
        let dir = runtime::current()?.path.parent()?;
        (!dir.as_os_str().is_empty()).then(|| dir.join(self.file_name()))
    }

    fn file_name(&self) -> String {
        let (prefix, suffix) = (env::consts::DLL_PREFIX, env::consts::DLL_SUFFIX);
        format!("{prefix}{}{suffix}", self.stem)
    }
}

/// The provider that a device runs on.
pub(crate) fn of(device: Device) -> Option<&'static Provider> {
    match device {
        Device::Auto | Device::Cpu => None,
        Device::OpenVino => Some(&OPENVINO),
        Device::Cuda(_) => Some(&CUDA),
        Device::TensorRt(_) => Some(&TENSORRT),
    }
}

/// Whether ONNX Runtime has the provider of `device` and can load it with all the libraries that it
/// needs. Whether the device itself works shows only when a model is loaded.
///
/// # Errors
/// There is no usable ONNX Runtime.
pub fn check_device(device: Device) -> Result<Result<(), UnusableDevice>, RuntimeError> {
    let environment = runtime::environment()?;
    let Some(provider) = of(device) else {
        return Ok(Ok(()));
    };
    let driver = provider.is_nvidia.then(|| gpu::nvidia_driver().is_some());
    if let Some(library) = missing_library(provider) {
        let version = runtime::current().map(|info| info.version.clone());
        return Ok(Err(UnusableDevice::NoProvider {
            provider: provider.name,
            version: version.unwrap_or_default(),
            library,
            install: provider.install,
            driver,
        }));
    }
    // The CUDA libraries of Python packages are not where the system's loader looks.
    let loaded = supplied(|| load(environment, device), python_libraries::supply);
    if loaded.is_ok() {
        python_libraries::supply_late();
    }
    Ok(loaded.map_err(|LoaderError(message)| UnusableDevice::Load {
        provider: provider.name,
        message,
        driver,
    }))
}

/// The provider's library, where it is not there.
fn missing_library(provider: &Provider) -> Option<PathBuf> {
    if let Some(library) = provider.library() {
        return (!library.exists()).then_some(library);
    }
    let compiled = runtime::compiled_providers().unwrap_or_default();
    let is_compiled = compiled.iter().any(|name| name == provider.execution);
    (!is_compiled).then(|| provider.file_name().into())
}

/// Tries `load` until there is nothing more to `supply` for what it misses. A message that comes
/// twice ends it: supplying the same library again would not end.
fn supplied(
    mut load: impl FnMut() -> Result<(), LoaderError>,
    mut supply: impl FnMut(&str) -> bool,
) -> Result<(), LoaderError> {
    let mut seen = Vec::new();
    loop {
        let Err(error) = load() else {
            return Ok(());
        };
        if seen.contains(&error) || !supply(&error.0) {
            return Err(error);
        }
        seen.push(error);
    }
}

/// Loads the libraries of the device's providers into the process.
fn load(environment: &ort::environment::Environment, device: Device) -> Result<(), LoaderError> {
    let failed = |error: ort::Error| LoaderError(loader_message(&error.to_string()));
    let mut builder = SessionBuilder::new(environment).map_err(failed)?;
    for provider in for_device(device, &Options::default(), &Preparation::None) {
        provider.register(&mut builder).map_err(failed)?;
    }
    Ok(())
}

/// The message of the system's loader, which could not load a provider's library.
#[derive(Debug, PartialEq, Eq)]
struct LoaderError(String);

/// The message of the system's loader, without ONNX Runtime's account of where it was called.
fn loader_message(message: &str) -> String {
    let tail = message.split_once("with error: ");
    tail.map_or(message, |(_, tail)| tail).trim().to_owned()
}

/// The providers of a device, best first; the CPU's comes after them by itself. Without
/// `error_on_failure` ONNX Runtime would fall back to it silently.
pub(crate) fn for_device(
    device: Device,
    options: &Options,
    preparation: &Preparation,
) -> Vec<ExecutionProviderDispatch> {
    let cuda = |index| {
        // ONNX Runtime would round to TF32's 10 bits: the numbers have to be those of the CPU.
        ep::CUDA::default()
            .with_device_id(device_id(index))
            .with_tf32(false)
            .build()
            .error_on_failure()
    };
    match device {
        Device::Auto | Device::Cpu => Vec::new(),
        Device::OpenVino => vec![openvino(options).build().error_on_failure()],
        Device::Cuda(index) => vec![cuda(index)],
        Device::TensorRt(index) => vec![
            tensorrt(index, options, preparation.engine())
                .build()
                .error_on_failure(),
            cuda(index),
        ],
    }
}

/// OpenVINO on the CPU, with the session's threads. It would otherwise round to 16-bit floats where the
/// CPU has them, and pin the threads of every session to the same cores.
fn openvino(options: &Options) -> ep::OpenVINO {
    let settings = serde_json::json!({"CPU": {
        "INFERENCE_NUM_THREADS": threads::of_session(options).to_string(),
        "NUM_STREAMS": "1",
        "ENABLE_CPU_PINNING": "NO",
        "INFERENCE_PRECISION_HINT": "f32",
    }});
    ep::OpenVINO::default()
        .with_device_type("CPU")
        .with_precision("FP32")
        .with_arbitrary_config("load_config", settings)
}

/// Indices are below `i32::MAX`: `Device` parses no others, and a made one is cut to it.
fn device_id(index: u32) -> i32 {
    i32::try_from(index).unwrap_or(i32::MAX)
}

fn tensorrt(index: u32, options: &Options, engine: Option<&TensorRtProfile>) -> ep::TensorRT {
    let mut provider = ep::TensorRT::default()
        .with_device_id(device_id(index))
        .with_fp16(options.fp16);
    let Some(engine) = engine else {
        return provider;
    };
    // One engine for all sizes of batch, fastest at the largest: without the range TensorRT would
    // build another, which takes minutes, whenever a size is beyond those it has had.
    if let Some([batch, rest @ ..]) = engine.shape {
        provider = provider
            .with_profile_min_shapes(profile(1, rest))
            .with_profile_opt_shapes(profile(batch, rest))
            .with_profile_max_shapes(profile(batch, rest));
    }
    if let Some(folders) = &engine.cache {
        provider = provider
            .with_engine_cache(true)
            .with_engine_cache_path(folders.engines.display())
            .with_timing_cache(true)
            .with_timing_cache_path(folders.timings.display());
    }
    provider
}

/// As TensorRT's provider reads it: `image:8x1x192x256`.
fn profile(batch: usize, [channels, height, width]: [usize; 3]) -> String {
    format!("{}:{batch}x{channels}x{height}x{width}", super::INPUT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_written_as_the_provider_reads_them() {
        assert_eq!(profile(8, [1, 192, 256]), "image:8x1x192x256");
    }

    #[test]
    fn libraries_are_supplied_until_a_message_comes_twice() {
        let attempts = |messages: &[&str]| {
            let (mut next, mut calls) = (messages.iter().cycle(), 0);
            let load = || {
                calls += 1;
                match next.next() {
                    Some(&"") | None => Ok(()),
                    Some(message) => Err(LoaderError((*message).to_owned())),
                }
            };
            let outcome = supplied(load, |message| message != "no package has it");
            (outcome, calls)
        };
        assert_eq!(attempts(&["a", "b", ""]), (Ok(()), 3));
        let failed = |message: &str| Err(LoaderError(message.to_owned()));
        assert_eq!(attempts(&["a"]), (failed("a"), 2));
        assert_eq!(attempts(&["a", "b"]), (failed("a"), 3));
        let none = "no package has it";
        assert_eq!(attempts(&["a", none, ""]), (failed(none), 2));
    }

    #[test]
    fn the_loader_s_message_is_cut_out() {
        let message = "/onnxruntime_src/x.cc:1 T Provider::Get() Failed to load library \
                       /x/libonnxruntime_providers_cuda.so with error: libcudart.so.13: cannot \
                       open shared object file: No such file or directory\n";
        assert_eq!(
            loader_message(message),
            "libcudart.so.13: cannot open shared object file: No such file or directory"
        );
        assert_eq!(loader_message("other words"), "other words");
    }

    #[test]
    fn tensorrt_has_cuda_behind_it() {
        let names = |device| -> Vec<_> {
            for_device(device, &Options::default(), &Preparation::None)
                .iter()
                .map(|provider| provider.name())
                .collect()
        };
        assert!(names(Device::Cpu).is_empty());
        assert_eq!(names(Device::OpenVino), [OPENVINO.execution]);
        assert_eq!(names(Device::Cuda(1)), [CUDA.execution]);
        assert_eq!(
            names(Device::TensorRt(0)),
            [TENSORRT.execution, CUDA.execution]
        );
    }
}
