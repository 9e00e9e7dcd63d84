//! Several devices that run the same model.

use std::{fmt, str::FromStr};

use crate::device::{Device, DeviceParseError};

/// The most devices that run a model.
const MAX_DEVICES: usize = 64;

/// The devices that run a model, each with a session of its own; there is at least one.
///
/// Written `cuda:0,cuda:1`. A device that stands there twice has two sessions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Devices {
    first: Device,
    others: Vec<Device>,
}

/// Why a text names no [`Devices`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DevicesParseError {
    /// One of them is no device.
    #[error(transparent)]
    Device(#[from] DeviceParseError),
    /// `auto` stands among others.
    #[error(
        "'auto' chooses one device and cannot stand beside others: name each, as cuda:0,cuda:1"
    )]
    Auto,
    /// The CPU stands beside a GPU.
    #[error(
        "the CPU beside a GPU would hold up the order of poses, for its calls take many times as long: name GPUs only"
    )]
    Mixed,
    /// There are too many.
    #[error("these are {count} devices, and a model runs on {MAX_DEVICES} at most")]
    TooMany {
        /// How many were given.
        count: usize,
    },
}

impl Devices {
    /// All of them, in the order in which they were given.
    pub fn iter(&self) -> impl Iterator<Item = Device> {
        std::iter::once(self.first).chain(self.others.iter().copied())
    }

    /// How many there are.
    #[allow(clippy::len_without_is_empty, reason = "there is at least one")]
    pub fn len(&self) -> usize {
        1 + self.others.len()
    }

    /// The first, which is the only one unless several were given.
    pub fn first(&self) -> Device {
        self.first
    }

    /// Whether the model runs on the CPU, and on nothing else.
    pub fn are_cpu(&self) -> bool {
        self.iter().all(Device::is_cpu)
    }

    /// These and then the others.
    pub fn and(mut self, others: &Self) -> Self {
        self.others.extend(others.iter());
        self
    }
}

impl From<Device> for Devices {
    fn from(device: Device) -> Self {
        Self {
            first: device,
            others: Vec::new(),
        }
    }
}

impl FromStr for Devices {
    type Err = DevicesParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let count = text.split(',').count();
        if count > MAX_DEVICES {
            return Err(DevicesParseError::TooMany { count });
        }
        let mut named = text.split(',').map(|name| name.trim().parse::<Device>());
        let first = match named.next() {
            Some(first) => first?,
            None => "".parse::<Device>()?,
        };
        let devices = Self {
            first,
            others: named.collect::<Result<_, _>>()?,
        };
        if devices.len() > 1 && devices.iter().any(|device| device == Device::Auto) {
            return Err(DevicesParseError::Auto);
        }
        let has_cpu = devices.iter().any(Device::is_cpu);
        if has_cpu && !devices.are_cpu() {
            return Err(DevicesParseError::Mixed);
        }
        Ok(devices)
    }
}

impl fmt::Display for Devices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.first)?;
        self.others
            .iter()
            .try_for_each(|device| write!(f, ",{device}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Devices, DevicesParseError> {
        text.parse()
    }

    #[test]
    fn one_or_several_devices_parse_and_are_displayed_so() {
        for text in [
            "auto",
            "cpu",
            "cuda:2",
            "cpu,cpu",
            "openvino,openvino",
            "cuda:0,cuda:1,tensorrt:2",
        ] {
            assert_eq!(parse(text).unwrap().to_string(), text);
        }
        let both = parse("cuda, cuda:1").unwrap();
        let expected = [Device::Cuda(0), Device::Cuda(1)];
        assert!(both.iter().eq(expected));
        assert_eq!((both.len(), both.first()), (2, Device::Cuda(0)));
        assert_eq!(
            Devices::from(Device::Cpu).and(&both).to_string(),
            "cpu,cuda:0,cuda:1"
        );
    }

    #[test]
    fn what_cannot_run_together_is_refused() {
        for text in ["", ",", "cpu,", ",cpu", "cpu;cpu"] {
            assert!(
                matches!(parse(text), Err(DevicesParseError::Device(_))),
                "{text}"
            );
        }
        for text in ["auto,auto", "cuda:0,auto"] {
            assert_eq!(parse(text), Err(DevicesParseError::Auto));
        }
        for text in ["cuda:0,cpu", "openvino,cuda:0"] {
            assert_eq!(parse(text), Err(DevicesParseError::Mixed));
        }
        assert!(parse(&["cpu"; MAX_DEVICES].join(",")).is_ok());
        let too_many = parse(&vec!["cpu"; 65].join(","));
        assert_eq!(too_many, Err(DevicesParseError::TooMany { count: 65 }));
    }
}
