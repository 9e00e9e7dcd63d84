//! Since when a server is away, and how long a call waits for it. Pure: time is an argument.

use std::time::{Duration, Instant};

/// Once the time is over, a call still waits so long: one is tried a second, and a file is not used up at once.
const LATE_WAIT: Duration = Duration::from_secs(1);

/// What is known of a server: there, or away since some time.
#[derive(Debug, Default)]
pub(crate) struct Outage {
    since: Option<Began>,
}

#[derive(Debug)]
struct Began {
    at: Instant,
    reason: String,
    is_told: bool,
}

/// An outage that has ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct EndedOutage {
    pub(crate) lasted: Duration,
    /// It was told when it began.
    pub(crate) was_told: bool,
}

impl Outage {
    pub(crate) fn is_on(&self) -> bool {
        self.since.is_some()
    }

    /// A call that began at `at` found the server away.
    pub(crate) fn found(&mut self, at: Instant, reason: &str) {
        let since = self.since.get_or_insert_with(|| Began {
            at,
            reason: String::new(),
            is_told: false,
        });
        reason.clone_into(&mut since.reason);
    }

    /// Asked again, and still away. The first time returns why: that is to be told.
    pub(crate) fn goes_on(&mut self) -> Option<&str> {
        let since = self.since.as_mut()?;
        let was_told = std::mem::replace(&mut since.is_told, true);
        (!was_told).then_some(since.reason.as_str())
    }

    /// The server is back.
    pub(crate) fn ends(&mut self, now: Instant) -> Option<EndedOutage> {
        let since = self.since.take()?;
        Some(EndedOutage {
            lasted: now.saturating_duration_since(since.at),
            was_told: since.is_told,
        })
    }

    /// Until when a call that begins now may wait, if a server may be away for `wait`.
    pub(crate) fn deadline(&self, now: Instant, wait: Duration) -> Instant {
        let from = self.since.as_ref().map_or(now, |since| since.at);
        (from + wait).max(now + LATE_WAIT)
    }

    /// How long it is away, and why.
    pub(crate) fn state(&self, now: Instant) -> Option<(Duration, &str)> {
        let since = self.since.as_ref()?;
        let lasts = now.saturating_duration_since(since.at);
        Some((lasts, &since.reason))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WAIT: Duration = Duration::from_secs(10);

    #[test]
    fn calls_wait_until_the_outage_has_lasted_so_long_and_then_a_second_each() {
        let start = Instant::now();
        let after = |seconds| start + Duration::from_secs(seconds);
        let mut outage = Outage::default();
        assert_eq!(outage.deadline(after(5), WAIT), after(15));
        outage.found(after(20), "refused");
        assert_eq!(outage.deadline(after(22), WAIT), after(30));
        // Each further call that fails does not make it longer.
        outage.found(after(24), "still refused");
        assert_eq!(outage.deadline(after(26), WAIT), after(30));
        assert_eq!(outage.deadline(after(40), WAIT), after(41));
        let state = outage.state(after(40));
        assert_eq!(state, Some((Duration::from_secs(20), "still refused")));
        let ended = outage.ends(after(41)).unwrap();
        assert_eq!(ended.lasted, Duration::from_secs(21));
        assert!(!outage.is_on());
        assert_eq!(outage.deadline(after(50), WAIT), after(60));
    }

    #[test]
    fn an_outage_is_told_once_and_not_where_the_server_is_back_at_once() {
        let now = Instant::now();
        let mut outage = Outage::default();
        outage.found(now, "reset");
        assert!(!outage.ends(now).unwrap().was_told);
        outage.found(now, "reset");
        assert_eq!(outage.goes_on(), Some("reset"));
        assert_eq!(outage.goes_on(), None);
        assert!(outage.ends(now).unwrap().was_told);
        assert_eq!(outage.ends(now), None);
    }
}
