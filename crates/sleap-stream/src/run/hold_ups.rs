//! Frames that are held up now and then: the sign of lost packets where a channel keeps the order. Pure: time is
//! an argument.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Frames whose time on the link is ordinary by their median.
const ORDINARY_OF: usize = 32;

/// So much more than the ordinary is not a queue that grows: a packet was sent again, after the second that SCTP
/// waits or a part of it.
const HELD_UP: Duration = Duration::from_millis(300);

/// Frames that are held up within this time are so by one loss.
const ONE_LOSS: Duration = Duration::from_millis(1500);

/// Losses within this time show that there will be more.
const LOSSES: usize = 2;
const WITHIN: Duration = Duration::from_secs(60);

/// Watches how long frames are on the link.
#[derive(Debug, Default)]
pub(crate) struct HoldUps {
    recent: VecDeque<Duration>,
    /// When a loss held up the first of its frames.
    losses: VecDeque<Instant>,
}

impl HoldUps {
    /// A frame was on the link for this long. Whether losses show.
    pub(crate) fn returned(&mut self, link: Duration, now: Instant) -> bool {
        let ordinary = self.ordinary();
        self.recent.push_back(link);
        if self.recent.len() > ORDINARY_OF {
            self.recent.pop_front();
        }
        let is_held_up = ordinary.is_some_and(|ordinary| link > ordinary + HELD_UP);
        let ago = |then: Instant| now.saturating_duration_since(then);
        if is_held_up && self.losses.back().is_none_or(|last| ago(*last) > ONE_LOSS) {
            self.losses.push_back(now);
        }
        while self
            .losses
            .front()
            .is_some_and(|first| ago(*first) > WITHIN)
        {
            self.losses.pop_front();
        }
        self.losses.len() >= LOSSES
    }

    /// The connection is another one: nothing is known of it.
    pub(crate) fn restart(&mut self) {
        *self = Self::default();
    }

    /// The median, once there are enough frames.
    fn ordinary(&self) -> Option<Duration> {
        if self.recent.len() < ORDINARY_OF {
            return None;
        }
        let mut sorted: Vec<Duration> = self.recent.iter().copied().collect();
        sorted.sort_unstable();
        sorted.get(ORDINARY_OF / 2).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    /// Whether losses show at the end of these times on the link, of frames 33 ms apart.
    fn show(links: impl IntoIterator<Item = u32>) -> bool {
        let (mut hold_ups, mut now) = (HoldUps::default(), Instant::now());
        let mut shown = false;
        for link in links {
            now += 33 * MS;
            shown = hold_ups.returned(link * MS, now);
        }
        shown
    }

    #[test]
    fn two_losses_in_a_minute_show() {
        let calm = || std::iter::repeat_n(3, 60);
        let loss = || [1000, 967, 934, 901].into_iter();
        assert!(!show(calm().chain(loss()).chain(calm())));
        let twice = calm().chain(loss()).chain(calm()).chain(loss());
        assert!(show(twice.clone()));
        assert!(!show(twice.chain(std::iter::repeat_n(3, 2000))));
    }

    #[test]
    fn a_queue_and_a_slow_start_are_no_losses() {
        assert!(!show((0..200).map(|frame| 3 + 8 * frame)));
        assert!(!show(
            [1000, 1000, 900, 3, 3, 1000]
                .into_iter()
                .chain(std::iter::repeat_n(3, 60))
        ));
        let crowded = std::iter::repeat_n(3, 60).chain(std::iter::repeat_n(250, 60));
        assert!(!show(crowded));
    }
}
