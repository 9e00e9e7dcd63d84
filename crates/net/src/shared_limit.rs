//! A connection limit that the tasks of a server share.

use std::net::IpAddr;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::limit::{AdmissionOutcome, ConnectionLimit, Idle};

/// What can be ended while its own task still holds it.
pub trait Evict: Idle {
    /// Ends the connection, because another one takes its permit.
    fn evict(&self);
}

/// A connection that is never ended for another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unevictable;

impl Idle for Unevictable {
    fn idle_since(&self, _: Instant) -> Option<Instant> {
        None
    }
}

impl Evict for Unevictable {
    fn evict(&self) {}
}

/// A [`ConnectionLimit`] behind a lock. A connection counts until its permit is dropped.
#[derive(Debug)]
pub struct SharedLimit<T>(Arc<Mutex<ConnectionLimit<Arc<T>>>>);

/// One counted connection.
#[derive(Debug)]
pub struct ConnectionPermit<T> {
    limit: SharedLimit<T>,
    connection: Arc<T>,
}

impl<T> Clone for SharedLimit<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T: Evict> SharedLimit<T> {
    /// At most `most` connections, of one network `most_each`.
    pub fn new(most: usize, most_each: usize) -> Self {
        let limit = ConnectionLimit::new(most, most_each);
        Self(Arc::new(Mutex::new(limit)))
    }

    /// One more connection, and whether another one was evicted for it. `None`: all are in use. `from`
    /// as in [`ConnectionLimit::admit`].
    pub fn admit(
        &self,
        connection: T,
        from: Option<IpAddr>,
        now: Instant,
    ) -> Option<(ConnectionPermit<T>, bool)> {
        let connection = Arc::new(connection);
        let outcome = self.lock().admit(Arc::clone(&connection), from, now);
        let has_evicted = match outcome {
            AdmissionOutcome::Free => false,
            AdmissionOutcome::InPlaceOf(former) => {
                former.evict();
                true
            }
            AdmissionOutcome::Refused(_) => return None,
        };
        let limit = self.clone();
        Some((ConnectionPermit { limit, connection }, has_evicted))
    }
}

impl<T> SharedLimit<T> {
    /// The connections that count, in order of arrival. They cannot change until this is dropped.
    pub fn connections(&self) -> impl Deref<Target = ConnectionLimit<Arc<T>>> + '_ {
        self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, ConnectionLimit<Arc<T>>> {
        // The lock is poisoned by a panic elsewhere; each change leaves the list valid.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Deref for ConnectionPermit<T> {
    type Target = Arc<T>;

    fn deref(&self) -> &Arc<T> {
        &self.connection
    }
}

impl<T> Drop for ConnectionPermit<T> {
    fn drop(&mut self) {
        let mut limit = self.limit.lock();
        limit.retain(|known| !Arc::ptr_eq(known, &self.connection));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;
    use std::sync::atomic::Ordering::Relaxed;

    use super::*;

    #[derive(Debug)]
    struct IdleFrom {
        since: Instant,
        is_evicted: AtomicBool,
    }

    impl Idle for IdleFrom {
        fn idle_since(&self, _: Instant) -> Option<Instant> {
            Some(self.since)
        }
    }

    impl Evict for IdleFrom {
        fn evict(&self) {
            self.is_evicted.store(true, Relaxed);
        }
    }

    fn idle(since: Instant) -> IdleFrom {
        let is_evicted = AtomicBool::new(false);
        IdleFrom { since, is_evicted }
    }

    #[test]
    fn a_dropped_permit_makes_room() {
        let now = Instant::now();
        let limit = SharedLimit::new(2, 1);
        let from = Some(IpAddr::from([10, 0, 0, 1]));
        let first = limit.admit(Unevictable, from, now).unwrap();
        assert!(limit.admit(Unevictable, from, now).is_none(), "its share");
        let second = limit.admit(Unevictable, None, now).unwrap();
        assert!(limit.admit(Unevictable, None, now).is_none(), "all");
        drop(first);
        assert!(limit.admit(Unevictable, from, now).is_some());
        drop(second);
        assert!(limit.connections().is_empty());
    }

    #[test]
    fn an_evicted_connection_is_ended_and_its_permit_gives_nothing_back() {
        let now = Instant::now();
        let limit = SharedLimit::new(1, 1);
        let (first, evicts) = limit.admit(idle(now), None, now).unwrap();
        assert!(!evicts);
        let (second, evicts) = limit.admit(idle(now), None, now).unwrap();
        assert!(evicts && first.is_evicted.load(Relaxed));
        drop(first);
        assert_eq!(limit.connections().len(), 1);
        assert!(!second.is_evicted.load(Relaxed));
    }
}
