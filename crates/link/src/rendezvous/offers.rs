//! When a client offers its connection to a worker, and when again. No IO, no clock.

use std::time::Duration;

use tokio::time::Instant;

/// How long a worker that has left may take to register again: its first pauses are below a second.
const COMING_BACK: Duration = Duration::from_secs(3);
/// Pause before an offer that came back is sent again.
const PAUSE: Duration = Duration::from_millis(250);
/// The same where too much waits for the worker.
const BUSY_PAUSE: Duration = Duration::from_secs(1);
/// An offer without an answer is sent again after this part of the time for an answer: a server may
/// lose it and report nothing.
const PART: u32 = 3;

/// The offers of one attempt, which are all the same.
#[derive(Debug)]
pub(crate) struct Offers {
    /// When the time for an answer is over.
    deadline: Instant,
    /// Time that an offer has to be answered, before it is sent again.
    time: Duration,
    next: Instant,
    /// Since when the server has reported that the worker is not registered.
    absent_since: Option<Instant>,
}

/// The worker has left and does not come back.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Left;

impl Offers {
    /// The first one is due now; an answer has to come within `wait`.
    pub(crate) fn new(now: Instant, wait: Duration) -> Self {
        Self {
            deadline: now + wait,
            time: wait / PART,
            next: now,
            absent_since: None,
        }
    }

    /// When to send an offer, or to give up.
    pub(crate) fn due(&self) -> Instant {
        self.next.min(self.deadline)
    }

    /// Whether the time for an answer is over.
    pub(crate) fn is_over(&self, now: Instant) -> bool {
        now >= self.deadline
    }

    pub(crate) fn sent(&mut self, now: Instant) {
        self.next = now + self.time;
    }

    /// The worker left after it had got the offer, or registered again.
    pub(crate) fn bounced(&mut self, now: Instant) {
        self.absent_since = None;
        self.next = now + PAUSE;
    }

    /// Too much waits for the worker.
    pub(crate) fn busy(&mut self, now: Instant) {
        self.absent_since = None;
        self.next = now + BUSY_PAUSE;
    }

    /// The worker is not there.
    pub(crate) fn undelivered(&mut self, now: Instant) -> Result<(), Left> {
        let since = *self.absent_since.get_or_insert(now);
        if now >= since + COMING_BACK {
            return Err(Left);
        }
        self.next = now + PAUSE;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Duration = Duration::from_secs(15);

    /// Offers of which the first was sent at the time that is given too.
    fn begun() -> (Offers, Instant) {
        let now = Instant::now();
        let mut offers = Offers::new(now, WAIT);
        assert_eq!(offers.due(), now);
        offers.sent(now);
        (offers, now)
    }

    #[test]
    fn an_offer_without_an_answer_is_sent_again_until_the_time_is_over() {
        let (mut offers, began) = begun();
        let mut sent = 1;
        while !offers.is_over(offers.due()) {
            sent += 1;
            offers.sent(offers.due());
        }
        assert_eq!((sent, offers.due()), (3, began + WAIT));
    }

    #[test]
    fn an_offer_that_came_back_is_sent_again_soon() {
        let (mut offers, began) = begun();
        let later = began + Duration::from_secs(1);
        offers.bounced(later);
        assert_eq!(offers.due(), later + PAUSE);
        offers.busy(later);
        assert_eq!(offers.due(), later + BUSY_PAUSE);
        // Not beyond the time for an answer.
        offers.bounced(began + WAIT);
        assert_eq!(offers.due(), began + WAIT);
    }

    #[test]
    fn a_worker_that_has_left_has_a_while_to_come_back() {
        let (mut offers, began) = begun();
        let mut now = began;
        let mut tried = 0;
        while offers.undelivered(now).is_ok() {
            tried += 1;
            now = offers.due();
            offers.sent(now);
        }
        assert!(tried > 3);
        assert_eq!(now, began + COMING_BACK);
        // It came back in between, and left again.
        offers.bounced(now);
        assert_eq!(offers.undelivered(now), Ok(()));
    }
}
