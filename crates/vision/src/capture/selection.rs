//! Which frames of a source are selected.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Which frames of a source are selected. The default is all of them.
///
/// The three parts apply in order: frames inside `ranges`, of those every
/// `sample_rate`th beginning with the first, of those at most `max_frames`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameSelection {
    /// Inclusive, ascending, not overlapping; empty means all. `FromStr` checks that.
    pub ranges: Vec<RangeInclusive<u64>>,
    /// Every Nth of the frames in the ranges; 1 (and 0) mean each.
    pub sample_rate: u32,
    /// At most so many.
    pub max_frames: Option<u64>,
}

impl Default for FrameSelection {
    fn default() -> FrameSelection {
        FrameSelection {
            ranges: Vec::new(),
            sample_rate: 1,
            max_frames: None,
        }
    }
}

/// Why a list of frame ranges cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SelectionError {
    /// Nothing between two commas, or nothing at all.
    #[error("an empty frame range (write for example 0-100,200-300)")]
    Empty,
    /// Not a number, or not two.
    #[error("{0:?} is not a frame number or range (write for example 0-100,200-300)")]
    NotARange(String),
    /// The end before the start.
    #[error("the frame range {start}-{end} runs backwards: write {end}-{start}")]
    Reversed {
        /// Its first number.
        start: u64,
        /// Its second, smaller number.
        end: u64,
    },
    /// A frame would be sent twice, or out of order.
    #[error(
        "the frame range {start}-{end} must begin after frame {previous}, where the range before it ends"
    )]
    Overlap {
        /// First frame of the offending range.
        start: u64,
        /// Its last frame.
        end: u64,
        /// Last frame of the range before.
        previous: u64,
    },
}

impl FrameSelection {
    /// The selected frame numbers of an endless source, in ascending order.
    pub(super) fn frames(&self) -> SelectedFrames {
        let mut ranges = self.ranges.clone();
        if ranges.is_empty() {
            ranges.push(0..=u64::MAX);
        }
        SelectedFrames {
            ranges: ranges.into_iter(),
            current: None,
            rate: u64::from(self.sample_rate.max(1)),
            skip: 0,
            left: self.max_frames.unwrap_or(u64::MAX),
        }
    }

    /// Whether one range has both frames.
    pub(super) fn is_one_range(&self, first: u64, second: u64) -> bool {
        let has_both =
            |range: &RangeInclusive<u64>| range.contains(&first) && range.contains(&second);
        self.ranges.is_empty() || self.ranges.iter().any(has_both)
    }

    /// How many frames this selects from a source of `total` frames.
    pub fn count(&self, total: u64) -> u64 {
        let inside = |range: &RangeInclusive<u64>| {
            let end = (*range.end()).min(total.saturating_sub(1));
            if total == 0 || *range.start() > end {
                0
            } else {
                end - range.start() + 1
            }
        };
        let selected = if self.ranges.is_empty() {
            total
        } else {
            self.ranges.iter().map(inside).sum()
        };
        let sampled = selected.div_ceil(u64::from(self.sample_rate.max(1)));
        sampled.min(self.max_frames.unwrap_or(u64::MAX))
    }

    /// How many frames this selects from a source without end, if that is limited at all.
    pub fn count_endless(&self) -> Option<u64> {
        let limited = self.max_frames.is_some() || !self.ranges.is_empty();
        limited.then(|| self.count(u64::MAX))
    }

    /// The same rules that `FromStr` enforces, for ranges made by hand.
    pub fn check(&self) -> Result<(), SelectionError> {
        let mut previous: Option<u64> = None;
        for range in &self.ranges {
            let (start, end) = (*range.start(), *range.end());
            if start > end {
                return Err(SelectionError::Reversed { start, end });
            }
            if let Some(previous) = previous.filter(|&previous| start <= previous) {
                return Err(SelectionError::Overlap {
                    start,
                    end,
                    previous,
                });
            }
            previous = Some(end);
        }
        Ok(())
    }
}

impl FromStr for FrameSelection {
    type Err = SelectionError;

    /// Frame numbers and inclusive ranges, separated by commas: `0-100,150,200-300`.
    fn from_str(text: &str) -> Result<FrameSelection, SelectionError> {
        let ranges = text.split(',').map(range).collect::<Result<_, _>>()?;
        let selection = FrameSelection {
            ranges,
            ..FrameSelection::default()
        };
        selection.check()?;
        Ok(selection)
    }
}

fn range(text: &str) -> Result<RangeInclusive<u64>, SelectionError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(SelectionError::Empty);
    }
    let number = |digits: &str| {
        let digits = digits.trim();
        let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let value = plain.then(|| digits.parse().ok()).flatten();
        value.ok_or_else(|| SelectionError::NotARange(text.to_owned()))
    };
    match text.split_once('-') {
        None => number(text).map(|frame| frame..=frame),
        Some((start, end)) => Ok(number(start)?..=number(end)?),
    }
}

impl fmt::Display for FrameSelection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.ranges.is_empty() {
            return f.write_str("all");
        }
        for (index, range) in self.ranges.iter().enumerate() {
            let comma = if index > 0 { "," } else { "" };
            match (range.start(), range.end()) {
                (start, end) if start == end => write!(f, "{comma}{start}")?,
                (start, end) => write!(f, "{comma}{start}-{end}")?,
            }
        }
        Ok(())
    }
}

/// Iterates over the selected frame numbers; ends with the last one, so that the caller need not
/// read further to find the end.
#[derive(Debug)]
pub(super) struct SelectedFrames {
    ranges: std::vec::IntoIter<RangeInclusive<u64>>,
    /// Next frame of the range under way, and its last.
    current: Option<(u64, u64)>,
    rate: u64,
    /// Selected frames to pass over before the next one is taken.
    skip: u64,
    left: u64,
}

impl Iterator for SelectedFrames {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.left = self.left.checked_sub(1)?;
        loop {
            let (next, end) = match self.current.take() {
                Some(current) => current,
                None => self.ranges.next()?.into_inner(),
            };
            let taken = next.checked_add(self.skip).filter(|&taken| taken <= end);
            let Some(taken) = taken else {
                // Sampling continues across the gap between two ranges.
                self.skip -= (end - next).saturating_add(1).min(self.skip);
                continue;
            };
            self.skip = self.rate - 1;
            self.current = (taken < end).then(|| (taken + 1, end));
            return Some(taken);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(text: &str, sample_rate: u32, max_frames: Option<u64>) -> Vec<u64> {
        let mut selection: FrameSelection = text.parse().unwrap();
        selection.sample_rate = sample_rate;
        selection.max_frames = max_frames;
        let frames: Vec<u64> = selection.frames().collect();
        assert_eq!(selection.count(u64::MAX), frames.len() as u64, "{text}");
        frames
    }

    #[test]
    fn text_becomes_ranges() {
        let table: &[(&str, &[RangeInclusive<u64>])] = &[
            ("0-100", &[0..=100]),
            ("0-100,200-300", &[0..=100, 200..=300]),
            (" 3 , 5 - 7 ", &[3..=3, 5..=7]),
            ("0-4,5-9", &[0..=4, 5..=9]),
            ("7", &[7..=7]),
        ];
        for (text, ranges) in table {
            let selection: FrameSelection = text.parse().unwrap();
            assert_eq!(selection.ranges, *ranges, "{text}");
            let again: FrameSelection = selection.to_string().parse().unwrap();
            assert_eq!(again, selection);
        }
        assert_eq!(FrameSelection::default().to_string(), "all");
    }

    #[test]
    fn unusable_text_is_refused_with_a_reason() {
        use SelectionError::*;
        let not_a_range = |text: &str| NotARange(text.to_owned());
        let table = [
            ("", Empty),
            ("1,,2", Empty),
            ("5-9,", Empty),
            ("a", not_a_range("a")),
            ("1-", not_a_range("1-")),
            ("-1", not_a_range("-1")),
            ("1-2-3", not_a_range("1-2-3")),
            ("+1-2", not_a_range("+1-2")),
            ("1.5", not_a_range("1.5")),
            ("99999999999999999999", not_a_range("99999999999999999999")),
            ("10-5", Reversed { start: 10, end: 5 }),
            (
                "0-5,5-9",
                Overlap {
                    start: 5,
                    end: 9,
                    previous: 5,
                },
            ),
            (
                "7-9,0-3",
                Overlap {
                    start: 0,
                    end: 3,
                    previous: 9,
                },
            ),
        ];
        for (text, error) in table {
            assert_eq!(text.parse::<FrameSelection>(), Err(error), "{text:?}");
        }
    }

    #[test]
    fn frames_come_in_order_sampled_and_limited() {
        assert_eq!(frames("2-4,8", 1, None), [2, 3, 4, 8]);
        assert_eq!(frames("0-9", 3, None), [0, 3, 6, 9]);
        assert_eq!(frames("0-4,10-14", 3, None), [0, 3, 11, 14]);
        assert_eq!(frames("0-1,5,9-20", 4, None), [0, 10, 14, 18]);
        assert_eq!(frames("0-9", 3, Some(2)), [0, 3]);
        assert_eq!(frames("0-9", 1, Some(0)), [] as [u64; 0]);
        assert_eq!(frames("4", 7, None), [4]);
    }

    #[test]
    fn everything_is_wanted_by_default() {
        let first: Vec<u64> = FrameSelection::default().frames().take(3).collect();
        assert_eq!(first, [0, 1, 2]);
        assert_eq!(FrameSelection::default().count(10), 10);
        assert_eq!(FrameSelection::default().count_endless(), None);
    }

    #[test]
    fn the_last_number_there_is_does_not_overflow() {
        let selection = FrameSelection {
            ranges: vec![u64::MAX - 1..=u64::MAX],
            sample_rate: u32::MAX,
            max_frames: None,
        };
        assert_eq!(selection.frames().collect::<Vec<_>>(), [u64::MAX - 1]);
    }

    #[test]
    fn a_count_knows_where_the_source_ends() {
        let selection: FrameSelection = "5-9,20-29".parse().unwrap();
        let table = [(0, 0), (5, 0), (6, 1), (10, 5), (25, 10), (1000, 15)];
        for (total, count) in table {
            assert_eq!(selection.count(total), count, "{total}");
        }
        assert_eq!(selection.count_endless(), Some(15));
    }
}
