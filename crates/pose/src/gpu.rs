//! NVIDIA GPUs of this machine, and why a model does not run on one.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::device::Device;

/// Why a model does not run on a GPU.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoGpu {
    /// The provider is a library of its own, and not there.
    #[error(
        "{}ONNX Runtime {version} has no {provider} provider ({} is missing): install \
         onnxruntime-gpu, `pip install 'onnxruntime-gpu[cuda,cudnn]'`",
        no_driver(*.driver), .library.display()
    )]
    NoProvider {
        /// `CUDA` or `TensorRT`.
        provider: &'static str,
        /// ONNX Runtime's.
        version: String,
        /// Where the provider's library would lie.
        library: PathBuf,
        /// Whether there is an NVIDIA driver, without which installing is of no use.
        driver: bool,
    },
    /// The provider's library lacks others, or the wrong ones are there.
    #[error(
        "{}ONNX Runtime's {provider} provider cannot be loaded: {message}{}",
        no_driver(*.driver), advice(.message)
    )]
    Load {
        /// `CUDA` or `TensorRT`.
        provider: &'static str,
        /// The loader's message.
        message: String,
        /// Whether there is an NVIDIA driver.
        driver: bool,
    },
    /// The graph cannot be prepared or run there.
    #[error("the model does not run on {device}: {message}")]
    Failed {
        /// The device that was tried.
        device: Device,
        /// ONNX Runtime's message.
        message: String,
    },
    /// The graph can be loaded, and none of its nodes is assigned to the GPU.
    #[error("none of the model's {nodes} nodes runs on {device}")]
    NoNodes {
        /// The device that was tried.
        device: Device,
        /// How many nodes there are.
        nodes: usize,
    },
}

impl NoGpu {
    /// Whether the machine has an NVIDIA driver, so that a GPU could have been expected.
    pub fn is_unexpected(&self) -> bool {
        match self {
            Self::NoProvider { driver, .. } | Self::Load { driver, .. } => *driver,
            Self::Failed { .. } | Self::NoNodes { .. } => true,
        }
    }
}

fn no_driver(driver: bool) -> &'static str {
    if driver {
        ""
    } else {
        "no NVIDIA driver was found, and "
    }
}

/// What to install where the loader does not find a library.
fn advice(message: &str) -> &'static str {
    // The driver's library has no other in its name: libcuda.so.1 beside libcudart.so.13.
    if message.contains("libcuda.so") {
        " (it belongs to the NVIDIA driver)"
    } else if message.contains("libnvinfer") || message.contains("libnvonnxparser") {
        " (it belongs to TensorRT: `pip install 'tensorrt<11'` beside onnxruntime-gpu)"
    } else if ["libcu", "libnv"].iter().any(|name| message.contains(name)) {
        " (`pip install 'onnxruntime-gpu[cuda,cudnn]'` brings it, or set LD_LIBRARY_PATH)"
    } else {
        ""
    }
}

/// What the NVIDIA driver reports about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NvidiaDriver {
    /// Its version, where it reports one.
    pub version: Option<String>,
    /// The GPUs' names; empty where the driver lists none (Jetson, WSL).
    pub gpus: Vec<String>,
}

/// The NVIDIA driver of this machine, found by its files; nothing is loaded.
pub fn nvidia_driver() -> Option<NvidiaDriver> {
    driver_below(Path::new("/"))
}

fn driver_below(root: &Path) -> Option<NvidiaDriver> {
    let proc = root.join("proc/driver/nvidia");
    let version = fs::read_to_string(proc.join("version")).ok();
    // The device nodes of the driver itself, of WSL's and of Jetson's.
    let nodes = ["dev/nvidiactl", "dev/dxg", "dev/nvhost-gpu"];
    if version.is_none() && !nodes.iter().any(|node| root.join(node).exists()) {
        return None;
    }
    let mut gpus: Vec<_> = fs::read_dir(proc.join("gpus"))
        .into_iter()
        .flatten()
        .filter_map(|gpu| {
            let gpu = gpu.ok()?;
            let text = fs::read_to_string(gpu.path().join("information")).ok()?;
            let model = text.lines().find_map(|line| line.strip_prefix("Model:"))?;
            Some((gpu.file_name(), model.trim().to_owned()))
        })
        .collect();
    // By their places on the bus, as CUDA_DEVICE_ORDER=PCI_BUS_ID counts them.
    gpus.sort();
    Some(NvidiaDriver {
        version: version.as_deref().and_then(version_in),
        gpus: gpus.into_iter().map(|(_, name)| name).collect(),
    })
}

/// `535.104.05` of `NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug ...`.
fn version_in(text: &str) -> Option<String> {
    let line = text.lines().find(|line| line.starts_with("NVRM version"))?;
    let is_version = |word: &&str| {
        word.contains('.')
            && word
                .split('.')
                .all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    line.split_whitespace().find(is_version).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, file: &str, text: &str) {
        let path = root.join(file);
        fs::create_dir_all(path.parent().expect("inside")).expect("folders");
        fs::write(path, text).expect("a file");
    }

    #[test]
    fn the_driver_and_its_gpus_are_read_from_its_files() {
        let root = tempfile::tempdir().expect("a folder");
        assert_eq!(driver_below(root.path()), None);
        write(
            root.path(),
            "proc/driver/nvidia/version",
            "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19 01:15:15 2023\n\
             GCC version:  gcc version 12.2.0\n",
        );
        for (bus, name) in [("0000:81:00.0", "NVIDIA B"), ("0000:01:00.0", "NVIDIA A")] {
            let file = format!("proc/driver/nvidia/gpus/{bus}/information");
            write(
                root.path(),
                &file,
                &format!("Model: \t\t {name}\nIRQ:  1\n"),
            );
        }
        assert_eq!(
            driver_below(root.path()),
            Some(NvidiaDriver {
                version: Some("535.104.05".to_owned()),
                gpus: vec!["NVIDIA A".to_owned(), "NVIDIA B".to_owned()],
            })
        );
    }

    #[test]
    fn a_driver_without_a_version_is_found_too() {
        let root = tempfile::tempdir().expect("a folder");
        write(root.path(), "dev/nvidiactl", "");
        let driver = driver_below(root.path()).expect("a driver");
        assert_eq!((driver.version, driver.gpus), (None, Vec::new()));
    }

    #[test]
    fn the_reason_says_what_to_install() {
        let reason = |library: &str, driver| NoGpu::Load {
            provider: "CUDA",
            message: format!("{library}: cannot open shared object file"),
            driver,
        };
        for (library, words) in [
            ("libcudnn.so.9", "onnxruntime-gpu[cuda,cudnn]"),
            ("libcudart.so.13", "onnxruntime-gpu[cuda,cudnn]"),
            ("libcuda.so.1", "NVIDIA driver"),
            ("libnvinfer.so.10", "pip install 'tensorrt<11'"),
        ] {
            let text = reason(library, true).to_string();
            assert!(text.contains(library) && text.contains(words), "{text}");
        }
        let text = reason("libcuda.so.1", false).to_string();
        assert!(text.starts_with("no NVIDIA driver"), "{text}");
        assert!(!reason("libcuda.so.1", false).is_unexpected());
        assert!(reason("libcuda.so.1", true).is_unexpected());
    }
}
