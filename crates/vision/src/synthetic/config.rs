//! What to draw, and how it is written on a command line.

use std::str::FromStr;
use std::time::Duration;

pub(super) const DEFAULT_FPS: f64 = 30.0;

/// Size, rate and content of a synthetic recording.
///
/// Written `WIDTHxHEIGHT@FPS`, either part optional: `640x480@30`, `640x480`, `@60`. `@30+5`: as a camera with a common
/// clock delivers it, each frame captured 5 ms after a whole number of intervals.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Columns, pixels.
    pub width: u32,
    /// Rows, pixels.
    pub height: u32,
    /// Frames per second: how far the animals move from frame to frame.
    pub fps: f64,
    /// Length of the recording in frames; `None` is endless.
    pub frames: Option<u64>,
    /// Chooses the paths and the background.
    pub seed: u64,
    /// How many animals walk, at most [`super::MAX_ANIMALS`]; none leaves the arena empty.
    pub animals: u32,
    /// Frames are captured so long after whole intervals of a clock that all patterns of this process share, as those of
    /// cameras with a common trigger are. `None`: from the first frame on.
    pub phase: Option<Duration>,
}

impl Config {
    /// Smallest and largest side that is read from text, pixels.
    pub const SIDES: std::ops::RangeInclusive<u32> = 16..=16_384;
    /// Highest rate that is read from text, frames per second.
    pub const MAX_FPS: f64 = 1000.0;
    /// Longest time behind whole intervals that is read from text, milliseconds.
    pub const MAX_PHASE_MS: f64 = 10_000.0;
}

impl Default for Config {
    fn default() -> Self {
        Config {
            width: 256,
            height: 192,
            fps: DEFAULT_FPS,
            frames: None,
            seed: 0,
            animals: 1,
            phase: None,
        }
    }
}

/// Why a text is not `WIDTHxHEIGHT@FPS`.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ParseError {
    /// The part before `@` is not two numbers.
    #[error("\"{0}\" is not a size such as 640x480")]
    Size(String),
    /// A side is out of range.
    #[error("a side of {0} pixels is out of range ({min} to {max})", min = Config::SIDES.start(), max = Config::SIDES.end())]
    Side(u32),
    /// The part after `@` is not a usable rate.
    #[error("\"{0}\" is not a frame rate above 0 and up to {max}", max = Config::MAX_FPS)]
    Fps(String),
    /// The part after `+` is no time.
    #[error("\"{0}\" is no number of milliseconds from 0 to {max}", max = Config::MAX_PHASE_MS)]
    Phase(String),
}

impl FromStr for Config {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        let mut config = Config::default();
        let (text, phase) = match text.split_once('+') {
            Some((text, phase)) => (text, Some(parse_phase(phase)?)),
            None => (text, None),
        };
        config.phase = phase;
        let (size, fps) = match text.split_once('@') {
            Some((size, fps)) => (size, Some(fps)),
            None => (text, None),
        };
        if !size.is_empty() {
            (config.width, config.height) = parse_size(size)?;
        }
        if let Some(fps) = fps {
            config.fps = fps
                .parse()
                .ok()
                .filter(|fps| *fps > 0.0 && *fps <= Self::MAX_FPS)
                .ok_or_else(|| ParseError::Fps(fps.into()))?;
        }
        Ok(config)
    }
}

fn parse_phase(text: &str) -> Result<Duration, ParseError> {
    let range = 0.0..=Config::MAX_PHASE_MS;
    let ms = text.parse().ok().filter(|ms| range.contains(ms));
    let ms: f64 = ms.ok_or_else(|| ParseError::Phase(text.into()))?;
    Ok(Duration::from_secs_f64(ms / 1e3))
}

fn parse_size(text: &str) -> Result<(u32, u32), ParseError> {
    let wrong = || ParseError::Size(text.into());
    let (width, height) = text.split_once(['x', 'X']).ok_or_else(wrong)?;
    let width: u32 = width.parse().map_err(|_| wrong())?;
    let height: u32 = height.parse().map_err(|_| wrong())?;
    for side in [width, height] {
        if !Config::SIDES.contains(&side) {
            return Err(ParseError::Side(side));
        }
    }
    Ok((width, height))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (u32, u32, f64) {
        let config: Config = text.parse().unwrap();
        (config.width, config.height, config.fps)
    }

    #[test]
    fn either_part_may_be_left_out() {
        assert_eq!(parsed("640x480@60"), (640, 480, 60.0));
        assert_eq!(parsed("1920X1080"), (1920, 1080, 30.0));
        assert_eq!(parsed("@29.97"), (256, 192, 29.97));
        assert_eq!(parsed(""), (256, 192, 30.0));
    }

    #[test]
    fn a_common_clock_may_be_given() {
        let phase = |text: &str| text.parse::<Config>().map(|config| config.phase);
        assert_eq!(phase("640x480@30"), Ok(None));
        assert_eq!(phase("@30+0"), Ok(Some(Duration::ZERO)));
        assert_eq!(phase("64x48+12.5"), Ok(Some(Duration::from_micros(12_500))));
        for wrong in ["@30+", "@30+x", "@30+-1", "@30+NaN", "@30+1e9"] {
            assert!(matches!(phase(wrong), Err(ParseError::Phase(_))), "{wrong}");
        }
    }

    #[test]
    fn nonsense_is_refused_by_name() {
        let error = |text: &str| text.parse::<Config>().unwrap_err();
        for text in ["640", "x", "640x", "-640x480", "640x480x3", "a"] {
            assert_eq!(error(text), ParseError::Size(text.into()));
        }
        assert_eq!(error("8x480"), ParseError::Side(8));
        assert_eq!(error("640x20000"), ParseError::Side(20_000));
        for fps in ["", "0", "-3", "nan", "inf", "1001", "fast"] {
            assert_eq!(error(&format!("64x64@{fps}")), ParseError::Fps(fps.into()));
        }
    }
}
