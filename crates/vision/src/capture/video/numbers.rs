//! The numbers of frames, where some could not be decoded. Pure.
//!
//! A frame's number is its place among all frames that the file has, in the order in which they are shown. A
//! decoder leaves out frames that it cannot decode, and reports an error; it also leaves out frames that are not
//! there to be shown, and reports none. Packets enter in decoding order, frames come out in display order, so a
//! frame is missing once a later one has come out.

use std::collections::BTreeSet;

/// The most time stamps that wait for their frames: more than any decoder reorders.
const MAX_WAITING: usize = 128;

/// Follows which packets have become frames.
#[derive(Debug, Default)]
pub(super) struct FrameNumbers {
    /// Presentation time stamps of packets that no frame has come of yet.
    waiting: BTreeSet<i64>,
    /// Errors of the decoder that are not accounted for yet.
    errors: u64,
}

impl FrameNumbers {
    /// A packet goes to the decoder. `pts`: its time stamp, unless it is not there to be shown.
    pub(super) fn sent(&mut self, pts: Option<i64>) {
        self.waiting.extend(pts);
        while self.waiting.len() > MAX_WAITING {
            // Time stamps that start over leave the larger ones behind.
            self.waiting.pop_last();
        }
    }

    /// The decoder has refused data.
    pub(super) fn failed(&mut self) {
        self.errors += 1;
    }

    /// Whether data were refused that no lost frame accounts for.
    pub(super) fn has_errors(&self) -> bool {
        self.errors > 0
    }

    /// A frame has come out; returns how many directly before it are lost.
    pub(super) fn shown(&mut self, pts: Option<i64>) -> u64 {
        let known = pts.filter(|pts| self.waiting.contains(pts));
        let lost = match known {
            Some(pts) => {
                let later = self.waiting.split_off(&pts);
                let missing = std::mem::replace(&mut self.waiting, later).len() as u64;
                self.waiting.remove(&pts);
                missing.min(self.errors)
            }
            // Without time stamps of their own each packet is one frame.
            None if self.waiting.is_empty() => self.errors,
            None => 0,
        };
        self.errors -= lost;
        lost
    }

    /// The decoder has nothing left: frames that are lost at the end.
    pub(super) fn ended(&mut self) -> u64 {
        let errors = std::mem::take(&mut self.errors);
        let missing = std::mem::take(&mut self.waiting).len() as u64;
        match missing {
            0 => errors,
            _ => missing.min(errors),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames lost before each that comes out of these packets, and at the end. `!`: an error is reported.
    fn lost(steps: &[&str]) -> (Vec<u64>, u64) {
        let mut numbers = FrameNumbers::default();
        let mut before = Vec::new();
        for step in steps {
            let (kind, pts) = step.split_at(1);
            let pts = pts.parse().ok();
            match kind {
                ">" => numbers.sent(pts),
                "!" => numbers.failed(),
                _ => before.push(numbers.shown(pts)),
            }
        }
        (before, numbers.ended())
    }

    #[test]
    fn a_frame_that_fails_keeps_its_number() {
        let intra = [">0", ">1", "<0", ">2", "!", ">3", "<2", "<3"];
        assert_eq!(lost(&intra), (vec![0, 1, 0], 0));
        // Decoding order 0 3 1 2; 1 fails while 0 waits to come out.
        let reordered = [">0", ">3", ">1", "!", "<0", ">2", "<2", "<3"];
        assert_eq!(lost(&reordered), (vec![0, 1, 0], 0));
        let last = [">0", ">1", ">2", "<0", "!", "!"];
        assert_eq!(lost(&last), (vec![0], 2));
    }

    #[test]
    fn frames_that_are_not_to_be_shown_are_not_lost() {
        // An invisible reference frame, a second field, and an edit list without a time stamp here.
        let hidden = [">0", ">1", ">2", "<0", "<2", ">", "<"];
        assert_eq!(lost(&hidden), (vec![0, 0, 0], 0));
        let not_all = [">0", ">1", ">2", ">3", "!", "<0", "<3"];
        assert_eq!(lost(&not_all), (vec![0, 1], 0));
    }

    #[test]
    fn without_time_stamps_each_error_is_a_frame() {
        assert_eq!(
            lost(&[">", "<", ">", "!", ">", "!", ">", "<", "!"]),
            (vec![0, 2], 1)
        );
    }

    #[test]
    fn time_stamps_that_start_over_are_forgotten() {
        let mut numbers = FrameNumbers::default();
        for pts in (0..10_000).rev() {
            numbers.sent(Some(pts));
        }
        assert!(numbers.waiting.len() <= MAX_WAITING);
        assert_eq!(numbers.shown(Some(1)), 0);
    }
}
