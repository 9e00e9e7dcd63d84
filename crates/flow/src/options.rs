//! What can be chosen, by sleap-nn's names and with its defaults.

use thiserror::Error;

/// Largest window, pixels: its square is looked at for each point and step.
const MAX_WINDOW: u32 = 255;
/// Most levels: each halves the picture.
const MAX_LEVELS: u32 = 16;
/// Largest scale of pictures.
const MAX_SCALE: f64 = 1.0;

/// How points are followed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FlowOptions {
    /// Pictures are resized by this factor first (`of_img_scale`).
    pub img_scale: f64,
    /// Side of the square around a point that is compared, pixels (`of_window_size`).
    pub window_size: u32,
    /// How often pictures are halved, at most (`of_max_levels`).
    pub max_levels: u32,
}

impl Default for FlowOptions {
    fn default() -> Self {
        Self {
            img_scale: 1.0,
            window_size: 21,
            max_levels: 3,
        }
    }
}

/// A number is outside of its range.
#[derive(Debug, Clone, PartialEq, Error)]
#[error("{option} is {given}; it has to be {range}")]
pub struct FlowOptionsError {
    /// The option.
    pub option: &'static str,
    /// The number given.
    pub given: f64,
    /// What it may be.
    pub range: &'static str,
}

impl FlowOptions {
    /// Checks the numbers.
    ///
    /// # Errors
    ///
    /// When one is out of its range.
    pub fn check(&self) -> Result<(), FlowOptionsError> {
        let scale = self.img_scale;
        let (window, levels) = (self.window_size, self.max_levels);
        let checks = [
            (
                "of_img_scale",
                scale,
                scale > 0.0 && scale <= MAX_SCALE,
                "above 0, and at most 1",
            ),
            (
                "of_window_size",
                f64::from(window),
                (3..=MAX_WINDOW).contains(&window),
                "from 3 to 255",
            ),
            (
                "of_max_levels",
                f64::from(levels),
                levels <= MAX_LEVELS,
                "from 0 to 16",
            ),
        ];
        match checks.into_iter().find(|(_, _, fits, _)| !fits) {
            None => Ok(()),
            Some((option, given, _, range)) => Err(FlowOptionsError {
                option,
                given,
                range,
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_out_of_range_are_refused_by_name() {
        let usual = FlowOptions::default();
        usual.check().unwrap();
        for (wrong, name) in [
            (
                FlowOptions {
                    img_scale: 0.0,
                    ..usual
                },
                "of_img_scale",
            ),
            (
                FlowOptions {
                    img_scale: f64::NAN,
                    ..usual
                },
                "of_img_scale",
            ),
            (
                FlowOptions {
                    window_size: 2,
                    ..usual
                },
                "of_window_size",
            ),
            (
                FlowOptions {
                    window_size: 256,
                    ..usual
                },
                "of_window_size",
            ),
            (
                FlowOptions {
                    max_levels: 17,
                    ..usual
                },
                "of_max_levels",
            ),
        ] {
            assert_eq!(wrong.check().unwrap_err().option, name);
        }
    }
}
