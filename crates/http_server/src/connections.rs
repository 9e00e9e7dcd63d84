//! The connections of an HTTP server: how many, and which one is closed for a new one.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use net::{ConnectionPermit, Evict, Idle, SharedLimit, network_of};
use tokio_util::sync::CancellationToken;

/// Connections at the same time, in all and from one network.
const MAX_CONNECTIONS: usize = 32;
const MAX_CONNECTIONS_EACH: usize = 8;

/// All connections of a server.
#[derive(Clone)]
pub(super) struct HttpConnections(SharedLimit<TrackedConnection>);

impl Default for HttpConnections {
    fn default() -> Self {
        Self(SharedLimit::new(MAX_CONNECTIONS, MAX_CONNECTIONS_EACH))
    }
}

struct TrackedConnection {
    /// Since when it waits for a request; `None` while a complete one is answered.
    idle: Mutex<Option<Instant>>,
    evicted: CancellationToken,
}

impl TrackedConnection {
    fn set_idle(&self, since: Option<Instant>) {
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = since;
    }
}

impl Idle for TrackedConnection {
    fn idle_since(&self, _now: Instant) -> Option<Instant> {
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Evict for TrackedConnection {
    fn evict(&self) {
        self.evicted.cancel();
    }
}

/// A connection's permit. Dropping it makes room for another.
pub(super) struct HttpConnectionGuard(ConnectionPermit<TrackedConnection>);

/// Marks a connection as busy until it is dropped.
pub(super) struct BusyGuard(Arc<TrackedConnection>);

impl HttpConnections {
    /// Admits one more connection. If there are too many, the one that has waited longest for a request is
    /// closed; one of the same network, if that network has its share. `None` if all are busy.
    pub(super) fn enter(&self, address: IpAddr) -> Option<HttpConnectionGuard> {
        let now = Instant::now();
        let connection = TrackedConnection {
            idle: Mutex::new(Some(now)),
            evicted: CancellationToken::new(),
        };
        let admitted = self.0.admit(connection, Some(network_of(address)), now);
        admitted.map(|(permit, _)| HttpConnectionGuard(permit))
    }
}

impl HttpConnectionGuard {
    /// Resolves when the connection has to end for another.
    pub(super) async fn evicted(&self) {
        self.0.evicted.cancelled().await;
    }

    /// A function that marks this connection as busy.
    pub(super) fn requests(&self) -> impl Fn() -> BusyGuard + use<> {
        let connection = Arc::clone(&self.0);
        move || {
            connection.set_idle(None);
            BusyGuard(Arc::clone(&connection))
        }
    }
}

impl Drop for BusyGuard {
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

    fn is_over(guard: &HttpConnectionGuard) -> bool {
        guard.0.evicted.is_cancelled()
    }

    fn fill(connections: &HttpConnections, from: usize, count: usize) -> Vec<HttpConnectionGuard> {
        (0..count)
            .map(|_| connections.enter(ip(from)).unwrap())
            .collect()
    }

    #[test]
    fn a_network_with_more_than_its_share_loses_its_oldest() {
        let connections = HttpConnections::default();
        let other = connections.enter(ip(1)).unwrap();
        let guard = fill(&connections, 2, MAX_CONNECTIONS_EACH + 3);
        let over: Vec<bool> = guard.iter().map(is_over).collect();
        assert!(over[..3].iter().all(|it| *it) && !over[3..].iter().any(|it| *it));
        assert!(!is_over(&other));
    }

    #[test]
    fn a_full_server_closes_its_idlest_connection() {
        let connections = HttpConnections::default();
        let each = MAX_CONNECTIONS / MAX_CONNECTIONS_EACH;
        let guard: Vec<HttpConnectionGuard> = (0..each)
            .flat_map(|from| fill(&connections, from, MAX_CONNECTIONS_EACH))
            .collect();
        assert!(!guard.iter().any(is_over));
        assert!(connections.enter(ip(99)).is_some());
        assert!(is_over(&guard[0]) && !guard[1..].iter().any(is_over));
    }

    #[test]
    fn a_busy_connection_is_not_closed() {
        let connections = HttpConnections::default();
        let guard = fill(&connections, 1, MAX_CONNECTIONS_EACH);
        let first = guard[0].requests()();
        let next = connections.enter(ip(1)).unwrap();
        assert!(!is_over(&guard[0]) && is_over(&guard[1]));
        let busy: Vec<BusyGuard> = guard[2..].iter().map(|guard| guard.requests()()).collect();
        let last = next.requests()();
        assert!(connections.enter(ip(1)).is_none());
        drop(first);
        assert!(connections.enter(ip(1)).is_some() && is_over(&guard[0]));
        drop((busy, last, guard, next));
        assert!(connections.0.connections().is_empty());
    }
}
