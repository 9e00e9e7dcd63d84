//! A property of a camera with the value that it is to have.

use std::fmt;
use std::str::FromStr;

/// A property of a camera, by the name that the camera or its driver gives it, and its value as text.
///
/// Which names and values there are only the opened camera knows; they are checked there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CameraSetting {
    /// `ExposureTime` (GenICam), `exposure_time_absolute` (V4L2).
    pub name: String,
    /// `5000`, `on`, `Continuous`.
    pub value: String,
}

/// Why a text is no setting of a camera.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CameraSettingError {
    /// There is no `=`.
    #[error("{0:?} has no `=`: write NAME=VALUE, as in ExposureTime=5000")]
    NoValue(String),
    /// Nothing before the `=`.
    #[error("{0:?} has no name before the `=`: write NAME=VALUE, as in ExposureTime=5000")]
    EmptyName(String),
    /// Nothing after the `=`.
    #[error("{0:?} has no value after the `=`: write NAME=VALUE, as in ExposureTime=5000")]
    EmptyValue(String),
}

impl FromStr for CameraSetting {
    type Err = CameraSettingError;

    /// `NAME=VALUE`; the value may have further `=` in it. Spaces around both are left out.
    fn from_str(text: &str) -> Result<CameraSetting, CameraSettingError> {
        let as_given = || text.to_owned();
        let (name, value) = text
            .split_once('=')
            .ok_or_else(|| CameraSettingError::NoValue(as_given()))?;
        let (name, value) = (name.trim(), value.trim());
        if name.is_empty() {
            return Err(CameraSettingError::EmptyName(as_given()));
        }
        if value.is_empty() {
            return Err(CameraSettingError::EmptyValue(as_given()));
        }
        Ok(CameraSetting {
            name: name.to_owned(),
            value: value.to_owned(),
        })
    }
}

impl fmt::Display for CameraSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.value)
    }
}

/// The name and the value.
pub(super) fn pair(setting: &CameraSetting) -> (&str, &str) {
    (&setting.name, &setting.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn setting(name: &str, value: &str) -> CameraSetting {
        CameraSetting {
            name: name.to_owned(),
            value: value.to_owned(),
        }
    }

    #[test]
    fn a_setting_is_a_name_and_a_value() {
        for (text, expected) in [
            ("ExposureTime=5000", setting("ExposureTime", "5000")),
            (" Gain = 3.5 ", setting("Gain", "3.5")),
            ("DeviceUserID=a=b", setting("DeviceUserID", "a=b")),
        ] {
            assert_eq!(text.parse(), Ok(expected));
        }
        assert_eq!(setting("Gain", "3").to_string(), "Gain=3");
    }

    #[test]
    fn a_text_without_name_or_value_says_what_to_write() {
        for (text, words) in [
            ("", "no `=`"),
            ("ExposureTime", "no `=`"),
            ("=5", "no name"),
            (" =5", "no name"),
            ("Gain=", "no value"),
            ("Gain= ", "no value"),
        ] {
            let error = text.parse::<CameraSetting>().unwrap_err().to_string();
            assert!(error.contains(words), "{text:?}: {error}");
            assert!(error.contains("NAME=VALUE"), "{error}");
        }
    }
}
