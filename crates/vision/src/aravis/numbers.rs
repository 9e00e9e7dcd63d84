//! Frames that a camera has numbered and that did not arrive. Pure.

/// The numbers of GigE Vision's first version go from 1 to this and begin again at 1.
const LAST_SHORT: u64 = u16::MAX as u64;

/// A gap of more frames than this is taken for a counter that was reset.
const MAX_GAP: u64 = 10_000;

/// Counts the gaps between the numbers of frames that arrive.
#[derive(Debug, Clone, Default)]
pub(super) struct FrameNumbers {
    last: Option<u64>,
    /// Frames that came incomplete since the last complete one. Their own numbers may be lost.
    incomplete: u64,
}

impl FrameNumbers {
    /// A frame came whole, with this number. Returns how many were lost directly before it.
    pub(super) fn complete(&mut self, number: u64) -> u64 {
        let incomplete = std::mem::take(&mut self.incomplete);
        let gap = self.last.map_or(0, |last| gap(last, number));
        self.last = Some(number);
        gap.max(incomplete)
    }

    /// A frame came, and parts of it are missing. It counts as lost with the next complete one.
    pub(super) fn incomplete(&mut self) {
        self.incomplete += 1;
    }

    /// Frames that are known to be lost and that no complete one has followed.
    pub(super) fn pending(&self) -> u64 {
        self.incomplete
    }
}

/// Numbers between two.
fn gap(last: u64, number: u64) -> u64 {
    let is_wrapped = number < last && last <= LAST_SHORT && number > 0;
    let steps = match is_wrapped {
        true => LAST_SHORT - last + number,
        false => number.saturating_sub(last),
    };
    match steps.saturating_sub(1) {
        lost if lost <= MAX_GAP => lost,
        _ => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(numbers: &[u64]) -> Vec<u64> {
        let mut counter = FrameNumbers::default();
        numbers.iter().map(|it| counter.complete(*it)).collect()
    }

    #[test]
    fn gaps_between_numbers_are_frames_that_were_lost() {
        assert_eq!(lost(&[7, 8, 10, 13, 14]), [0, 0, 1, 2, 0]);
        // Numbers of 64 bits do not begin again.
        assert_eq!(lost(&[0, 1, 65_535, 65_536]), [0, 0, 0, 0]);
        assert_eq!(lost(&[65_534, 65_535, 65_536, 65_538]), [0, 0, 0, 1]);
    }

    #[test]
    fn short_numbers_begin_again_at_one() {
        assert_eq!(lost(&[65_534, 65_535, 1, 2]), [0, 0, 0, 0]);
        assert_eq!(lost(&[65_534, 2]), [0, 2]);
    }

    #[test]
    fn a_camera_that_counts_anew_has_lost_nothing() {
        assert_eq!(lost(&[50_000, 1, 2]), [0, 0, 0]);
        assert_eq!(lost(&[u64::MAX, 0, u64::MAX, u64::MAX]), [0, 0, 0, 0]);
        assert_eq!(lost(&[5, 5, 4, 5]), [0, 0, 0, 0]);
    }

    #[test]
    fn an_incomplete_frame_is_counted_once() {
        let mut counter = FrameNumbers::default();
        counter.complete(1);
        counter.incomplete();
        assert_eq!(counter.pending(), 1);
        // Its number is in the gap.
        assert_eq!(counter.complete(3), 1);
        assert_eq!(counter.pending(), 0);
        counter.incomplete();
        counter.incomplete();
        assert_eq!(counter.complete(5), 2);
    }
}
