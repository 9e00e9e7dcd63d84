//! Who is connected to an HTTP server, and who is hung up on for another.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use net::{AdmissionOutcome, ConnectionLimit, Idle, network_of};
use tokio_util::sync::CancellationToken;

/// Connections at a time, and from one network.
const MAX_CALLS: usize = 32;
const MAX_CALLS_EACH: usize = 8;

/// The connections there are.
#[derive(Clone)]
pub(super) struct Callers(Arc<Mutex<ConnectionLimit<Arc<Line>>>>);

impl Default for Callers {
    fn default() -> Self {
        let limit = ConnectionLimit::new(MAX_CALLS, MAX_CALLS_EACH);
        Self(Arc::new(Mutex::new(limit)))
    }
}

struct Line {
    /// Since when it waits for a request; `None` while a whole one is being answered.
    idle: Mutex<Option<Instant>>,
    hung_up: CancellationToken,
}

impl Line {
    fn set_idle(&self, since: Option<Instant>) {
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

impl Idle for Line {
    fn idle_since(&self, _now: Instant) -> Option<Instant> {
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection; it is left by dropping this.
pub(super) struct Call {
    callers: Callers,
    line: Arc<Line>,
}

/// A request that is being answered.
pub(super) struct Busy(Arc<Line>);

impl Callers {
    /// One more connection. Where there are too many, the one that has waited longest for a request is
    /// hung up on, of the same network if that has its share: connections without requests keep no other
    /// out. `None` where all are busy.
    pub(super) fn enter(&self, address: IpAddr) -> Option<Call> {
        let now = Instant::now();
        let line = Arc::new(Line {
            idle: Mutex::new(Some(now)),
            hung_up: CancellationToken::new(),
        });
        let from = Some(network_of(address));
        match self.lock().admit(Arc::clone(&line), from, now) {
            AdmissionOutcome::Free => {}
            AdmissionOutcome::InPlaceOf(former) => former.hung_up.cancel(),
            AdmissionOutcome::Refused(_) => return None,
        }
        let callers = self.clone();
        Some(Call { callers, line })
    }

    fn lock(&self) -> MutexGuard<'_, ConnectionLimit<Arc<Line>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Call {
    /// Resolves when the connection has to end.
    pub(super) async fn hung_up(&self) {
        self.line.hung_up.cancelled().await;
    }

    /// What marks requests of this connection.
    pub(super) fn requests(&self) -> impl Fn() -> Busy + use<> {
        let line = Arc::clone(&self.line);
        move || {
            line.set_idle(None);
            Busy(Arc::clone(&line))
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let mut calls = self.callers.lock();
        calls.retain(|line| !Arc::ptr_eq(line, &self.line));
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.set_idle(Some(Instant::now()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: usize) -> IpAddr {
        [10, 0, 0, last as u8].into()
    }

    fn is_over(call: &Call) -> bool {
        call.line.hung_up.is_cancelled()
    }

    fn fill(callers: &Callers, from: usize, count: usize) -> Vec<Call> {
        (0..count)
            .map(|_| callers.enter(ip(from)).unwrap())
            .collect()
    }

    #[test]
    fn a_network_with_more_than_its_share_loses_its_oldest() {
        let callers = Callers::default();
        let other = callers.enter(ip(1)).unwrap();
        let calls = fill(&callers, 2, MAX_CALLS_EACH + 3);
        let over: Vec<bool> = calls.iter().map(is_over).collect();
        assert!(over[..3].iter().all(|it| *it) && !over[3..].iter().any(|it| *it));
        assert!(!is_over(&other));
    }

    #[test]
    fn a_newcomer_gets_through_to_a_full_server() {
        let callers = Callers::default();
        let each = MAX_CALLS / MAX_CALLS_EACH;
        let calls: Vec<Call> = (0..each)
            .flat_map(|from| fill(&callers, from, MAX_CALLS_EACH))
            .collect();
        assert!(!calls.iter().any(is_over));
        assert!(callers.enter(ip(99)).is_some());
        assert!(is_over(&calls[0]) && !calls[1..].iter().any(is_over));
    }

    #[test]
    fn who_is_being_answered_is_not_hung_up_on() {
        let callers = Callers::default();
        let calls = fill(&callers, 1, MAX_CALLS_EACH);
        let first = calls[0].requests()();
        let next = callers.enter(ip(1)).unwrap();
        assert!(!is_over(&calls[0]) && is_over(&calls[1]));
        let busy: Vec<Busy> = calls[2..].iter().map(|call| call.requests()()).collect();
        let last = next.requests()();
        assert!(callers.enter(ip(1)).is_none());
        drop(first);
        assert!(callers.enter(ip(1)).is_some() && is_over(&calls[0]));
        drop((busy, last, calls, next));
        assert!(callers.lock().is_empty());
    }
}
