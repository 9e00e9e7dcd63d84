//! Which processor runs the model.

use std::{fmt, str::FromStr};

/// The processor that a model is to run on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Device {
    /// CUDA when ONNX Runtime's CUDA provider is installed and works, else OpenVINO by the same
    /// condition, else the CPU.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// An NVIDIA GPU by its index; loading fails where it cannot be used.
    Cuda(u32),
    /// An NVIDIA GPU through TensorRT; loading fails where it cannot be used.
    TensorRt(u32),
    /// The CPU through OpenVINO; loading fails where it cannot be used.
    OpenVino,
}

impl Device {
    /// Whether it is the CPU of this machine, by whatever provider.
    pub fn is_cpu(self) -> bool {
        matches!(self, Self::Cpu | Self::OpenVino)
    }
}

/// Why a text names no [`Device`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{text}' is no device: use auto, cpu, openvino, cuda, cuda:N, tensorrt or tensorrt:N")]
pub struct DeviceParseError {
    /// What was given.
    pub text: String,
}

impl FromStr for Device {
    type Err = DeviceParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || DeviceParseError {
            text: text.to_owned(),
        };
        let (name, index) = match text.split_once(':') {
            Some((name, index)) => (name, Some(parse_index(index).ok_or_else(wrong)?)),
            None => (text, None),
        };
        match (name, index) {
            ("auto", None) => Ok(Self::Auto),
            ("cpu", None) => Ok(Self::Cpu),
            ("openvino", None) => Ok(Self::OpenVino),
            ("cuda", index) => Ok(Self::Cuda(index.unwrap_or(0))),
            ("tensorrt", index) => Ok(Self::TensorRt(index.unwrap_or(0))),
            _ => Err(wrong()),
        }
    }
}

/// Digits only (`parse` alone would take `+1`), and small enough for the provider's `int`.
fn parse_index(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let index = digits.then(|| text.parse().ok()).flatten()?;
    i32::try_from(index).ok().map(|_| index)
}

impl fmt::Display for Device {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::Cpu => f.write_str("cpu"),
            Self::OpenVino => f.write_str("openvino"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
            Self::TensorRt(index) => write!(f, "tensorrt:{index}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_parses_to_its_device() {
        for (text, device) in [
            ("auto", Device::Auto),
            ("cpu", Device::Cpu),
            ("openvino", Device::OpenVino),
            ("cuda", Device::Cuda(0)),
            ("cuda:3", Device::Cuda(3)),
            ("tensorrt", Device::TensorRt(0)),
            ("tensorrt:1", Device::TensorRt(1)),
        ] {
            assert_eq!(text.parse(), Ok(device), "{text}");
        }
    }

    #[test]
    fn what_is_displayed_parses_back() {
        for device in [
            Device::Auto,
            Device::Cpu,
            Device::OpenVino,
            Device::Cuda(7),
            Device::TensorRt(2),
        ] {
            assert_eq!(device.to_string().parse(), Ok(device));
        }
    }

    #[test]
    fn anything_else_is_named_in_the_error() {
        for text in [
            "",
            "gpu",
            "CPU",
            "cpu:0",
            "openvino:0",
            "auto:1",
            "cuda:",
            "cuda:+1",
            "cuda:x",
            "cuda:1:2",
            "cuda:4294967295",
            "cuda:99999999999",
        ] {
            let error = text.parse::<Device>().expect_err(text);
            assert!(error.to_string().contains(&format!("'{text}'")));
        }
    }
}
