//! Why a model does not run on a device.

use std::path::PathBuf;

use crate::device::Device;

/// Why a model does not run on a device.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnusableDevice {
    /// The provider is a library of its own, and not there.
    #[error(
        "{}ONNX Runtime {version} has no {provider} provider ({} is missing): install {install}",
        no_driver(*.driver), .library.display()
    )]
    NoProvider {
        /// `CUDA`, `TensorRT` or `OpenVINO`.
        provider: &'static str,
        /// ONNX Runtime's.
        version: String,
        /// Where the provider's library would lie.
        library: PathBuf,
        /// The package that has it, and how it is installed.
        install: &'static str,
        /// Whether there is an NVIDIA driver, without which installing is of no use; `None`: it needs none.
        driver: Option<bool>,
    },
    /// The provider's library lacks others, or the wrong ones are there.
    #[error(
        "{}ONNX Runtime's {provider} provider cannot be loaded: {message}{}",
        no_driver(*.driver), advice(.message)
    )]
    Load {
        /// `CUDA`, `TensorRT` or `OpenVINO`.
        provider: &'static str,
        /// The loader's message.
        message: String,
        /// Whether there is an NVIDIA driver; `None`: it needs none.
        driver: Option<bool>,
    },
    /// The graph cannot be prepared or run there.
    #[error("the model does not run on {device}: {message}")]
    Failed {
        /// The device that was tried.
        device: Device,
        /// ONNX Runtime's message.
        message: String,
    },
    /// The graph can be loaded, and none of its nodes is assigned to the device's provider.
    #[error("none of the model's {nodes} nodes runs on {device}")]
    NoNodes {
        /// The device that was tried.
        device: Device,
        /// How many nodes there are.
        nodes: usize,
    },
}

impl UnusableDevice {
    /// Whether the device could have been expected to work: there is an NVIDIA driver, or what the device runs on
    /// was installed.
    pub fn is_unexpected(&self) -> bool {
        match self {
            Self::NoProvider { driver, .. } => *driver == Some(true),
            Self::Load { driver, .. } => *driver != Some(false),
            Self::Failed { .. } | Self::NoNodes { .. } => true,
        }
    }
}

fn no_driver(driver: Option<bool>) -> &'static str {
    match driver {
        Some(false) => "no NVIDIA driver was found, and ",
        Some(true) | None => "",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_says_what_to_install() {
        let reason = |library: &str, driver| UnusableDevice::Load {
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
            let text = reason(library, Some(true)).to_string();
            assert!(text.contains(library) && text.contains(words), "{text}");
        }
        let text = reason("libcuda.so.1", Some(false)).to_string();
        assert!(text.starts_with("no NVIDIA driver"), "{text}");
        assert!(!reason("libcuda.so.1", Some(false)).is_unexpected());
        assert!(reason("libcuda.so.1", Some(true)).is_unexpected());
    }
}
