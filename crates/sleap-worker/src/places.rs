//! The clients that are connected: who streams, who may go when another comes.

use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use tokio_util::sync::CancellationToken;

/// A client's place at the worker.
#[derive(Debug)]
pub(crate) struct Place {
    /// Since when it does not stream; `None` while it does.
    idle: Mutex<Option<Instant>>,
    /// Jobs that run for it, whether or not it streams.
    jobs: AtomicUsize,
    dismissed: CancellationToken,
}

/// A job that runs for a client, until it is dropped.
#[derive(Debug)]
pub(crate) struct Working(Arc<Place>);

impl Drop for Working {
    fn drop(&mut self) {
        self.0.jobs.fetch_sub(1, Relaxed);
    }
}

impl Place {
    /// An idle client's place.
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            idle: Mutex::new(Some(now)),
            jobs: AtomicUsize::new(0),
            dismissed: CancellationToken::new(),
        }
    }

    pub(crate) fn streams(&self) {
        self.set(None);
    }

    pub(crate) fn idle_since(&self, now: Instant) {
        self.set(Some(now));
    }

    /// A job runs for it from now on.
    pub(crate) fn works(self: &Arc<Self>) -> Working {
        self.jobs.fetch_add(1, Relaxed);
        Working(Arc::clone(self))
    }

    /// Resolves once the client has to go.
    pub(crate) async fn dismissed(&self) {
        self.dismissed.cancelled().await;
    }

    /// What sends the client away when it is cancelled.
    pub(crate) fn dismissal(&self) -> CancellationToken {
        self.dismissed.clone()
    }

    fn set(&self, idle: Option<Instant>) {
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = idle;
    }

    fn idle(&self) -> Option<Instant> {
        if self.jobs.load(Relaxed) > 0 {
            return None;
        }
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// All places. A client leaves its own by dropping it.
#[derive(Debug)]
pub(crate) struct Places {
    max: usize,
    taken: Vec<Arc<Place>>,
}

impl Places {
    pub(crate) fn new(max: usize) -> Self {
        Self {
            max,
            taken: Vec::new(),
        }
    }

    /// A place for one more client. Where all are taken, whoever has been idle longest goes:
    /// clients may stay connected after their stream, and must not keep others out.
    pub(crate) fn enter(&mut self, now: Instant) -> Arc<Place> {
        self.taken
            .retain(|place| Arc::strong_count(place) > 1 && !place.dismissed.is_cancelled());
        if self.taken.len() >= self.max {
            let idle = self.taken.iter().filter(|place| place.idle().is_some());
            if let Some(longest) = idle.min_by_key(|place| place.idle()) {
                longest.dismissed.cancel();
            }
        }
        let place = Arc::new(Place::new(now));
        self.taken.push(Arc::clone(&place));
        place
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
        let mut places = Places::new(3);
        let first = places.enter(later());
        let second = places.enter(later());
        let third = places.enter(later());
        first.streams();
        second.idle_since(later());
        let job = second.works();
        let waiting = places.enter(later());
        assert!(!second.dismissed.is_cancelled(), "it has a job");
        assert!(third.dismissed.is_cancelled(), "idle since it came");
        drop((job, waiting));
        let fourth = places.enter(later());
        assert!(third.dismissed.is_cancelled(), "idle since it came");
        assert!(!first.dismissed.is_cancelled(), "it streams");
        let fifth = places.enter(later());
        assert!(second.dismissed.is_cancelled());
        drop(fourth);
        let _sixth = places.enter(later());
        assert!(
            !fifth.dismissed.is_cancelled(),
            "the place left behind was enough"
        );
    }
}
