//! The part of a camera's sensor that is read.

use std::fmt;
use std::str::FromStr;

/// A part of a sensor, in pixels after binning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CameraRegion {
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
    /// Column and row of its first pixel; `None` for the middle of the sensor.
    pub offset: Option<(u32, u32)>,
}

/// Pixels of a sensor that are read as one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CameraBinning {
    /// Columns that become one.
    pub horizontal: u32,
    /// Rows that become one.
    pub vertical: u32,
}

/// Why a text is no region of a sensor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no part of a sensor: write WxH, as in 640x480, for its middle, or WxH+X+Y, as in 640x480+100+50, where \
     X and Y are its first column and row"
)]
pub struct CameraRegionError(String);

/// Why a text is no binning.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no binning: write a number of pixels, as in 2, or columns and rows, as in 2x1")]
pub struct CameraBinningError(String);

/// Two numbers from 1 on.
fn pair(text: &str) -> Option<(u32, u32)> {
    let (one, other) = text.split_once('x')?;
    let number = |text: &str| text.parse().ok().filter(|number| *number > 0);
    Some((number(one)?, number(other)?))
}

impl FromStr for CameraRegion {
    type Err = CameraRegionError;

    fn from_str(text: &str) -> Result<CameraRegion, CameraRegionError> {
        let parse = || {
            let (size, offset) = match text.split_once('+') {
                None => (text, None),
                Some((size, offset)) => {
                    let (x, y) = offset.split_once('+')?;
                    (size, Some((x.parse().ok()?, y.parse().ok()?)))
                }
            };
            let (width, height) = pair(size)?;
            Some(CameraRegion {
                width,
                height,
                offset,
            })
        };
        parse().ok_or_else(|| CameraRegionError(text.to_owned()))
    }
}

impl fmt::Display for CameraRegion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)?;
        match self.offset {
            Some((x, y)) => write!(f, "+{x}+{y}"),
            None => Ok(()),
        }
    }
}

impl FromStr for CameraBinning {
    type Err = CameraBinningError;

    fn from_str(text: &str) -> Result<CameraBinning, CameraBinningError> {
        let both = || text.parse().ok().filter(|it| *it > 0).map(|it| (it, it));
        let (horizontal, vertical) = pair(text)
            .or_else(both)
            .ok_or_else(|| CameraBinningError(text.to_owned()))?;
        Ok(CameraBinning {
            horizontal,
            vertical,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_a_size_and_where_it_begins() {
        let region = |text: &str| text.parse::<CameraRegion>().unwrap();
        let middle = region("640x480");
        assert_eq!(
            (middle.width, middle.height, middle.offset),
            (640, 480, None)
        );
        assert_eq!(region("640x480+100+0").offset, Some((100, 0)));
        for text in ["640x480", "640x480+100+0"] {
            assert_eq!(region(text).to_string(), text);
        }
        for text in [
            "",
            "640",
            "640x",
            "0x480",
            "640x480+1",
            "640x480+-1+2",
            "1x1+1+2+3",
        ] {
            let error = text.parse::<CameraRegion>().unwrap_err().to_string();
            assert!(error.contains("640x480+100+50"), "{text}: {error}");
        }
    }

    #[test]
    fn binning_is_one_number_or_two() {
        let binning = |text: &str| {
            text.parse::<CameraBinning>()
                .map(|it| (it.horizontal, it.vertical))
        };
        assert_eq!(binning("2"), Ok((2, 2)));
        assert_eq!(binning("2x1"), Ok((2, 1)));
        for text in ["", "0", "2x0", "a", "2x2x2"] {
            assert!(binning(text).is_err(), "{text}");
        }
    }
}
