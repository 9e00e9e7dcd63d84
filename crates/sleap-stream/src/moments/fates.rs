//! How many moments were sent in part: a frame of it was, and another one was left out. Pure.

use std::collections::{BTreeMap, VecDeque};

use super::stamp::{MomentNumber, MomentStamp};

/// Frames, and moments, that are remembered.
const MAX_REMEMBERED: usize = 4096;

/// What became of the frames of moments.
#[derive(Debug, Default)]
pub(super) struct MomentFates {
    /// Frames whose moments are not decided, and whether they were sent.
    undecided: VecDeque<(MomentStamp, bool)>,
    /// Whether a frame of the moment was left out, and whether one was sent.
    decided: BTreeMap<MomentNumber, [bool; 2]>,
    split: u64,
}

impl MomentFates {
    /// A frame was sent, or left out.
    pub(super) fn add(&mut self, stamp: MomentStamp, is_sent: bool) {
        if self.undecided.len() == MAX_REMEMBERED {
            self.undecided.pop_front();
        }
        self.undecided.push_back((stamp, is_sent));
    }

    /// Moments that were sent in part, of those that are decided.
    pub(super) fn split(&mut self) -> u64 {
        self.settle();
        self.split
    }

    /// Takes what is decided by now.
    pub(super) fn settle(&mut self) {
        for (stamp, is_sent) in std::mem::take(&mut self.undecided) {
            let Some(moment) = stamp.get() else {
                self.undecided.push_back((stamp, is_sent));
                continue;
            };
            let fates = self.decided.entry(*moment).or_default();
            let was_split = fates[0] && fates[1];
            fates[usize::from(is_sent)] = true;
            self.split += u64::from(fates[0] && fates[1] && !was_split);
        }
        while self.decided.len() > MAX_REMEMBERED {
            self.decided.pop_first();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn a_moment_counts_once_that_was_sent_in_part() {
        let mut fates = MomentFates::default();
        let stamp = |moment| MomentStamp::new(std::sync::OnceLock::from(moment));
        for (moment, is_sent) in [
            (0, true),
            (0, true),
            (1, false),
            (1, false),
            (2, true),
            (2, false),
            (2, false),
        ] {
            fates.add(stamp(moment), is_sent);
        }
        assert_eq!(fates.split(), 1);
        let late = MomentStamp::default();
        fates.add(Arc::clone(&late), true);
        assert_eq!(fates.split(), 1);
        late.set(1).unwrap();
        assert_eq!(fates.split(), 2);
        assert!(fates.undecided.is_empty());
    }

    #[test]
    fn memory_is_bounded() {
        let mut fates = MomentFates::default();
        for moment in 0..2 * MAX_REMEMBERED as u64 {
            fates.add(MomentStamp::default(), true);
            fates.add(MomentStamp::new(std::sync::OnceLock::from(moment)), true);
            if moment % 16 == 0 {
                fates.settle();
            }
        }
        assert_eq!(fates.undecided.len(), MAX_REMEMBERED);
        fates.settle();
        assert!(fates.decided.len() <= MAX_REMEMBERED);
    }
}
