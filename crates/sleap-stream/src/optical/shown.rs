//! Which number was on the screen when. Pure.

use std::collections::VecDeque;
use std::time::Instant;

/// Numbers that are remembered, about a minute of them; a frame of a camera is younger.
const MAX_NUMBERS: usize = 4096;

/// When a number was on the screen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Shown {
    /// From here on.
    pub(super) from: Instant,
    /// Until the next one was shown.
    pub(super) until: Instant,
}

/// The numbers that were shown last.
#[derive(Debug, Default)]
pub(super) struct ShownNumbers {
    numbers: VecDeque<(u16, Instant)>,
}

impl ShownNumbers {
    /// A number is on the screen from now on.
    pub(super) fn push(&mut self, number: u16, now: Instant) {
        if self.numbers.len() == MAX_NUMBERS {
            self.numbers.pop_front();
        }
        self.numbers.push_back((number, now));
    }

    /// When a number was shown that a frame shows which was here at `arrived`. `None` where it was not shown, or
    /// not before that.
    pub(super) fn find(&self, number: u16, arrived: Instant) -> Option<Shown> {
        let at = self.numbers.iter().rposition(|(it, _)| *it == number)?;
        let from = self.numbers[at].1;
        let until = self.numbers.get(at + 1).map_or(arrived, |(_, next)| *next);
        (from <= arrived).then_some(Shown {
            from,
            until: until.max(from),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_number_is_shown_until_the_next_one() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut shown = ShownNumbers::default();
        shown.push(u16::MAX, at(0));
        shown.push(0, at(17));
        let (from, until) = (at(0), at(17));
        assert_eq!(shown.find(u16::MAX, at(50)), Some(Shown { from, until }));
        let (from, until) = (at(17), at(50));
        assert_eq!(shown.find(0, at(50)), Some(Shown { from, until }));
        assert_eq!(
            shown.find(0, at(16)),
            None,
            "a frame cannot show what follows it"
        );
        assert_eq!(shown.find(7, at(50)), None);
    }

    #[test]
    fn the_number_that_was_shown_last_counts_and_old_ones_are_forgotten() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut shown = ShownNumbers::default();
        for count in 0..u64::from(u16::MAX) + 10 {
            shown.push(count as u16, at(count));
        }
        let end = at(u64::from(u16::MAX) + 10);
        let first_again = u64::from(u16::MAX) + 1;
        assert_eq!(shown.find(0, end).map(|it| it.from), Some(at(first_again)));
        assert_eq!(shown.find(1000, end), None);
        assert_eq!(shown.numbers.len(), MAX_NUMBERS);
    }
}
