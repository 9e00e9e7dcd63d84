//! Which numbers of frames are missing, and why. Pure.

/// A larger gap is a counter that started over, or no counter. A camera that is silent for longer
/// than ten seconds is lost, and none has more than a thousand frames a second.
const MAX_GAP: u32 = 10_000;

/// Follows the numbers that a driver gives its frames.
#[derive(Debug, Default)]
pub(super) struct SequenceCounter {
    last: Option<LastFrame>,
    /// Frames that are missing although the driver had room for them: lost on their way from the camera.
    pub(super) lost: u64,
    /// Frames for which the driver may have had no room, because the reader was late.
    pub(super) overrun: u64,
}

#[derive(Debug, Clone, Copy)]
struct LastFrame {
    sequence: u32,
    /// The driver's buffers were empty when it came.
    waited: bool,
}

impl SequenceCounter {
    /// Counts the frames that are missing before this one. `waited`: the driver had none, and the reader waited.
    pub(super) fn add(&mut self, sequence: u32, waited: bool) {
        let last = self.last.replace(LastFrame { sequence, waited });
        let Some(last) = last else {
            return;
        };
        let missing = sequence.wrapping_sub(last.sequence).wrapping_sub(1);
        if missing > MAX_GAP {
            return;
        }
        // After a frame that was waited for, all buffers but one were free: the next ones were kept. A driver
        // without room loses what follows those that it has kept.
        match last.waited {
            true => self.lost += u64::from(missing),
            false => self.overrun += u64::from(missing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(frames: &[(u32, bool)]) -> (u64, u64) {
        let mut counter = SequenceCounter::default();
        for &(sequence, waited) in frames {
            counter.add(sequence, waited);
        }
        (counter.lost, counter.overrun)
    }

    #[test]
    fn a_gap_before_a_reader_that_waits_is_a_loss() {
        let frames = [(5, true), (6, true), (9, true), (10, true), (12, false)];
        assert_eq!(counted(&frames), (3, 0));
    }

    #[test]
    fn a_gap_behind_frames_that_waited_may_be_the_readers_fault() {
        let frames = [
            (1, true),
            (2, false),
            (3, false),
            (4, false),
            (30, true),
            (31, true),
        ];
        assert_eq!(counted(&frames), (0, 25));
    }

    #[test]
    fn numbers_that_do_not_count_are_left_alone() {
        assert_eq!(counted(&[(0, true), (0, true), (0, true)]), (0, 0));
        assert_eq!(counted(&[(900, true), (0, true), (1, true)]), (0, 0));
        assert_eq!(counted(&[(u32::MAX, true), (0, true), (2, true)]), (1, 0));
    }
}
