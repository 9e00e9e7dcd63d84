//! The bounded set of connected clients: which of them is closed where another one needs its slot.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use net::{AdmissionOutcome, ConnectionLimit, Idle};
use tokio_util::sync::CancellationToken;

/// The slot of a connected client.
#[derive(Debug)]
pub(crate) struct ClientSlot {
    /// Since when the client does not stream; `None` while it does.
    idle: Mutex<Option<Instant>>,
    /// Jobs that run for the client, whether or not it streams.
    jobs: AtomicUsize,
    evicted: CancellationToken,
}

/// Marks a job that runs for a client, until it is dropped.
#[derive(Debug)]
pub(crate) struct JobGuard(Arc<ClientSlot>);

impl Drop for JobGuard {
    fn drop(&mut self) {
        self.0.jobs.fetch_sub(1, Relaxed);
    }
}

impl ClientSlot {
    /// The slot of a client that is idle since `now`.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            idle: Mutex::new(Some(now)),
            jobs: AtomicUsize::new(0),
            evicted: CancellationToken::new(),
        }
    }

    /// Marks the client as streaming.
    pub(crate) fn mark_streaming(&self) {
        self.set(None);
    }

    /// Marks the client as idle since `now`.
    pub(crate) fn mark_idle(&self, now: Instant) {
        self.set(Some(now));
    }

    /// Marks the client as one for which a job runs, until the guard is dropped.
    pub(crate) fn job_runs(self: &Arc<Self>) -> JobGuard {
        self.jobs.fetch_add(1, Relaxed);
        JobGuard(Arc::clone(self))
    }

    /// Resolves once the client is evicted.
    pub(crate) async fn evicted(&self) {
        self.evicted.cancelled().await;
    }

    /// The token that evicts the client when it is cancelled.
    pub(crate) fn eviction(&self) -> CancellationToken {
        self.evicted.clone()
    }

    fn set(&self, idle: Option<Instant>) {
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = idle;
    }
}

impl Idle for ClientSlot {
    fn idle_since(&self, _: Instant) -> Option<Instant> {
        if self.jobs.load(Relaxed) > 0 {
            return None;
        }
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All slots. A client leaves its slot by dropping it.
#[derive(Debug)]
pub(crate) struct Admission(ConnectionLimit<Arc<ClientSlot>>);

impl Admission {
    /// Slots for `max` clients.
    pub(crate) fn new(max: usize) -> Self {
        Self(ConnectionLimit::new(max, max))
    }

    /// A slot for one more client. Where all are in use, the client that has been idle longest is
    /// evicted: clients may stay connected after their stream, and must not keep others out.
    pub(crate) fn enter(&mut self, now: Instant) -> Arc<ClientSlot> {
        self.0
            .retain(|slot| Arc::strong_count(slot) > 1 && !slot.evicted.is_cancelled());
        let slot = Arc::new(ClientSlot::new(now));
        match self.0.admit(Arc::clone(&slot), None, now) {
            AdmissionOutcome::Free => {}
            // Without an idle client that is the new one.
            AdmissionOutcome::InPlaceOf(evicted) | AdmissionOutcome::Refused(evicted) => {
                evicted.evicted.cancel()
            }
        }
        slot
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_longest_idle_client_makes_room() {
        let mut now = Instant::now();
        let mut later = || {
            now += Duration::from_secs(1);
            now
        };
        let mut admission = Admission::new(3);
        let first = admission.enter(later());
        let second = admission.enter(later());
        let third = admission.enter(later());
        first.mark_streaming();
        second.mark_idle(later());
        let job = second.job_runs();
        let waiting = admission.enter(later());
        assert!(!second.evicted.is_cancelled(), "it has a job");
        assert!(third.evicted.is_cancelled(), "idle since it connected");
        drop((job, waiting));
        let fourth = admission.enter(later());
        assert!(third.evicted.is_cancelled(), "idle since it connected");
        assert!(!first.evicted.is_cancelled(), "it streams");
        let fifth = admission.enter(later());
        assert!(second.evicted.is_cancelled());
        drop(fourth);
        let _sixth = admission.enter(later());
        assert!(!fifth.evicted.is_cancelled(), "the free slot was enough");
    }
}
