//! Pauses between attempts. No clock, no IO.

use std::time::Duration;

/// Pauses that double from the first up to the longest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Backoff {
    first: Duration,
    longest: Duration,
    next: Duration,
    is_new: bool,
}

impl Backoff {
    /// Pauses of `first`, twice `first` and so on, never more than `longest`.
    pub fn new(first: Duration, longest: Duration) -> Self {
        Self {
            first,
            longest,
            next: first.min(longest),
            is_new: true,
        }
    }

    /// The pause before the next attempt; the one after it is twice as long.
    pub fn next_pause(&mut self) -> Duration {
        let pause = self.next;
        self.is_new = false;
        self.next = pause.saturating_mul(2).min(self.longest);
        pause
    }

    /// What [`next_pause`](Self::next_pause) will return.
    pub fn peek(&self) -> Duration {
        self.next
    }

    /// Whether no pause was taken since the beginning or the last reset.
    pub fn is_new(&self) -> bool {
        self.is_new
    }

    /// Begins with the first pause again.
    pub fn reset(&mut self) {
        *self = Self::new(self.first, self.longest);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn milliseconds(backoff: &mut Backoff, count: usize) -> Vec<u128> {
        let pauses = std::iter::repeat_with(|| backoff.next_pause().as_millis());
        pauses.take(count).collect()
    }

    #[test]
    fn pauses_double_up_to_the_longest_and_begin_again_after_a_reset() {
        let mut backoff = Backoff::new(Duration::from_millis(250), Duration::from_secs(4));
        assert!(backoff.is_new());
        assert_eq!(milliseconds(&mut backoff, 1), [250]);
        assert!(!backoff.is_new());
        let rest = milliseconds(&mut backoff, 6);
        assert_eq!(rest, [500, 1000, 2000, 4000, 4000, 4000]);
        assert_eq!(backoff.peek(), Duration::from_secs(4));
        backoff.reset();
        assert!(backoff.is_new());
        assert_eq!(milliseconds(&mut backoff, 2), [250, 500]);
    }

    #[test]
    fn no_pause_is_longer_than_the_longest() {
        let mut backoff = Backoff::new(Duration::from_secs(9), Duration::from_secs(5));
        assert_eq!(milliseconds(&mut backoff, 2), [5000, 5000]);
        assert!(!backoff.is_new());
        let mut endless = Backoff::new(Duration::MAX, Duration::MAX);
        endless.next_pause();
        assert_eq!(endless.next_pause(), Duration::MAX);
    }
}
