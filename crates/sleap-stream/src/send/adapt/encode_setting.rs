//! From a share of the bytes to quality, size and rate, given up in that order. Pure.

use std::fmt;

/// Quality is not lowered beyond this: blocks then show where edges were.
const LEAST_QUALITY: u8 = 30;

/// Bytes of a JPEG fall about with this power of its quantisation: measured on camera images
/// between quality 30 and 90, within a tenth.
const POWER: f64 = 0.6;

/// Each side is not made smaller than this share of itself.
const LEAST_SIZE: f64 = 0.4;

/// The rate is not lowered beyond this share.
const LEAST_RATE: f64 = 0.1;

/// How frames are encoded, and how many of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct EncodeSetting {
    /// JPEG quality.
    pub(crate) quality: u8,
    /// Percent of each side.
    pub(crate) size: u8,
    /// Percent of the source's frames per second.
    pub(crate) rate: u8,
}

impl EncodeSetting {
    /// As an object for programs.
    pub(crate) fn to_json(self) -> serde_json::Value {
        serde_json::json!({
            "jpeg_quality": self.quality,
            "size_percent": self.size,
            "rate_percent": self.rate,
        })
    }

    /// What the user asked for.
    pub(crate) fn full(quality: u8) -> Self {
        Self {
            quality,
            size: 100,
            rate: 100,
        }
    }

    /// The setting that needs about the share `budget` of the bytes per second that the full one
    /// does, which has quality `best`.
    pub(super) fn within(budget: f64, best: u8) -> Self {
        let least = LEAST_QUALITY.min(best);
        let at_least_quality = bytes_of(least) / bytes_of(best);
        if budget >= at_least_quality {
            let quality = quality_of(bytes_of(best) * budget);
            return Self {
                quality: quality.clamp(least, best),
                ..Self::full(best)
            };
        }
        let left = budget / at_least_quality;
        let size = left.sqrt().max(LEAST_SIZE);
        let rate = (left / (size * size)).clamp(LEAST_RATE, 1.0);
        // Sides in steps, so that a change is worth its while.
        let steps = |share: f64| (share * 20.0).round() as u8 * 5;
        Self {
            quality: least,
            size: steps(size),
            rate: steps(rate),
        }
    }

    /// The least share that [`within`](Self::within) can give.
    pub(super) fn least(best: u8) -> f64 {
        let least = bytes_of(LEAST_QUALITY.min(best)) / bytes_of(best);
        least * LEAST_SIZE * LEAST_SIZE * LEAST_RATE
    }

    /// A side of this many pixels at this size.
    pub(crate) fn side(&self, pixels: u32) -> u32 {
        let scaled = u64::from(pixels) * u64::from(self.size) / 100;
        u32::try_from(scaled).unwrap_or(pixels).max(1)
    }
}

impl fmt::Display for EncodeSetting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JPEG {}", self.quality)?;
        if self.size < 100 {
            write!(f, ", size {} %", self.size)?;
        }
        if self.rate < 100 {
            write!(f, ", rate {} %", self.rate)?;
        }
        Ok(())
    }
}

/// Bytes of a JPEG of this quality, in a unit of its own.
fn bytes_of(quality: u8) -> f64 {
    let quality = f64::from(quality.clamp(1, 100));
    // How libjpeg scales its quantisation tables, in percent.
    let scale = match quality {
        q if q < 50.0 => 5000.0 / q,
        q => (200.0 - 2.0 * q).max(1.0),
    };
    scale.powf(-POWER)
}

/// The quality that gives this many bytes.
fn quality_of(bytes: f64) -> u8 {
    let scale = bytes.powf(-1.0 / POWER);
    let quality = match scale {
        s if s > 100.0 => 5000.0 / s,
        s => (200.0 - s) / 2.0,
    };
    quality.round().clamp(1.0, 100.0) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_what_was_asked_for() {
        for best in [1, 20, 50, 80, 95, 99] {
            assert_eq!(EncodeSetting::within(1.0, best), EncodeSetting::full(best));
        }
    }

    #[test]
    fn quality_goes_first_then_size_then_rate() {
        let mut last = EncodeSetting::full(80);
        for step in (0..=100).rev() {
            let budget = EncodeSetting::least(80).max(f64::from(step) / 100.0);
            let setting = EncodeSetting::within(budget, 80);
            assert!(setting.quality <= last.quality, "{setting} after {last}");
            assert!(setting.size <= last.size, "{setting} after {last}");
            assert!(setting.rate <= last.rate, "{setting} after {last}");
            assert!(
                setting.size == 100 || setting.quality == LEAST_QUALITY,
                "{setting}"
            );
            assert!(setting.rate == 100 || setting.size == 40, "{setting}");
            last = setting;
        }
        assert_eq!((last.quality, last.size, last.rate), (30, 40, 10));
    }

    #[test]
    fn a_user_who_wants_little_keeps_it() {
        let setting = EncodeSetting::within(0.5, 20);
        assert_eq!((setting.quality, setting.size, setting.rate), (20, 70, 100));
    }

    #[test]
    fn sides_are_never_nothing() {
        let least = EncodeSetting::within(0.0, 80);
        assert_eq!(least.side(1), 1);
        assert_eq!(least.side(1920), 768);
        assert_eq!(EncodeSetting::full(80).side(641), 641);
    }
}
