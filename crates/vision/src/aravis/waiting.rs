//! Frames that wait for their reader. Pure.

use std::collections::VecDeque;

/// Frames that are here and were not taken yet.
#[derive(Debug)]
pub(super) struct Waiting<T> {
    /// Only the newest one waits.
    newest: bool,
    frames: VecDeque<T>,
}

impl<T> Waiting<T> {
    pub(super) fn new(newest: bool) -> Waiting<T> {
        Waiting {
            newest,
            frames: VecDeque::new(),
        }
    }

    /// Adds a frame. Returns the one whose place it takes.
    pub(super) fn add(&mut self, frame: T) -> Option<T> {
        self.frames.push_back(frame);
        match self.newest && self.frames.len() > 1 {
            true => self.frames.pop_front(),
            false => None,
        }
    }

    /// The frame that has waited longest.
    pub(super) fn take(&mut self) -> Option<T> {
        self.frames.pop_front()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_live_frames_only_the_newest_waits_and_the_others_are_given_back() {
        let mut waiting = Waiting::new(true);
        let replaced: Vec<u32> = (0..40).filter_map(|frame| waiting.add(frame)).collect();
        assert_eq!(replaced, (0..39).collect::<Vec<_>>());
        assert_eq!((waiting.take(), waiting.take()), (Some(39), None));
    }

    #[test]
    fn where_each_frame_counts_they_wait_in_their_order() {
        let mut waiting = Waiting::new(false);
        assert_eq!((0..40).filter_map(|frame| waiting.add(frame)).count(), 0);
        for frame in 0..40 {
            assert!(!waiting.is_empty());
            assert_eq!(waiting.take(), Some(frame));
        }
        assert!(waiting.is_empty());
    }
}
