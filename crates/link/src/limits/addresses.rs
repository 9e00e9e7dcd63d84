//! How many connections one network may have.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use net::network_of;

/// Connections by the network that they come from. This machine's own are not counted.
#[derive(Clone)]
pub(crate) struct AddressLimit {
    counts: Arc<Mutex<HashMap<IpAddr, usize>>>,
    most: usize,
}

/// One counted connection; the count falls when this is dropped.
pub(crate) struct AddressPermit {
    limit: AddressLimit,
    from: IpAddr,
}

impl AddressLimit {
    /// At most `most` from each network.
    pub(crate) fn new(most: usize) -> Self {
        Self {
            counts: Arc::default(),
            most,
        }
    }

    /// One more from `address`, unless there are as many as may be.
    pub(crate) fn enter(&self, address: IpAddr) -> Option<AddressPermit> {
        let from = network_of(address);
        let mut counts = self.lock();
        let count = counts.entry(from).or_default();
        if *count >= self.most && !from.is_loopback() {
            return None;
        }
        *count += 1;
        drop(counts);
        let limit = self.clone();
        Some(AddressPermit { limit, from })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for AddressPermit {
    fn drop(&mut self) {
        let mut counts = self.limit.lock();
        if let Some(count) = counts.get_mut(&self.from) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.from);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn one_network_cannot_take_all_places() {
        let limit = AddressLimit::new(2);
        let first = limit.enter(ip("10.0.0.1"));
        let second = limit.enter(ip("::ffff:10.0.0.1"));
        assert!(first.is_some() && second.is_some());
        assert!(limit.enter(ip("10.0.0.1")).is_none());
        let other = limit.enter(ip("10.0.0.2"));
        assert!(other.is_some());
        drop(first);
        assert!(limit.enter(ip("10.0.0.1")).is_some());
        drop((second, other));
        assert!(limit.lock().is_empty(), "no network is remembered");
    }

    #[test]
    fn this_machine_is_not_counted() {
        let limit = AddressLimit::new(1);
        for address in ["127.0.0.1", "::1"] {
            let held: Vec<_> = (0..5).map(|_| limit.enter(ip(address))).collect();
            assert!(held.iter().all(Option::is_some), "{address}");
        }
    }
}
