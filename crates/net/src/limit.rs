//! How many connections a server has, and which idle one is ended for another. No IO, no clock.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

/// A connection that may be open without being used.
pub trait Idle {
    /// Since when the connection has not been used; `None` while it is in use.
    fn idle_since(&self, now: Instant) -> Option<Instant>;
}

impl<T: Idle> Idle for Arc<T> {
    fn idle_since(&self, now: Instant) -> Option<Instant> {
        T::idle_since(self, now)
    }
}

/// Connections, with a limit for all and one for each network. At the limit a new connection replaces the
/// one that has been idle longest, of the same network if that has its share: peers that hold connections
/// without using them do not keep others out.
#[derive(Debug)]
pub struct ConnectionLimit<T> {
    most: usize,
    most_each: usize,
    held: Vec<Held<T>>,
}

#[derive(Debug)]
struct Held<T> {
    /// The network that it counts for, if any.
    from: Option<IpAddr>,
    connection: T,
}

/// What came of a further connection.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub enum AdmissionOutcome<T> {
    /// It is admitted; no other one has to end.
    Free,
    /// It replaces this one, which the caller has to end.
    InPlaceOf(T),
    /// All connections are in use: the new one is handed back.
    Refused(T),
}

impl<T: Idle> ConnectionLimit<T> {
    /// At most `most` connections, of one network `most_each`.
    pub fn new(most: usize, most_each: usize) -> Self {
        Self {
            most,
            most_each,
            held: Vec::new(),
        }
    }

    /// One more connection. `from`: the network that it counts for; `None` for one that is only limited
    /// by the number of all, such as one of this machine.
    pub fn admit(
        &mut self,
        connection: T,
        from: Option<IpAddr>,
        now: Instant,
    ) -> AdmissionOutcome<T> {
        let is_of_network = |held: &Held<T>| from.is_some() && held.from == from;
        let own = self.held.iter().filter(|held| is_of_network(held)).count();
        let idlest = if own >= self.most_each {
            self.idlest(is_of_network, now)
        } else if self.held.len() >= self.most {
            self.idlest(|_| true, now)
        } else {
            self.held.push(Held { from, connection });
            return AdmissionOutcome::Free;
        };
        let Some(idlest) = idlest else {
            return AdmissionOutcome::Refused(connection);
        };
        let former = self.held.remove(idlest);
        self.held.push(Held { from, connection });
        AdmissionOutcome::InPlaceOf(former.connection)
    }

    /// The index of the connection that has been idle longest; of several, of the first one admitted.
    fn idlest(&self, may_go: impl Fn(&Held<T>) -> bool, now: Instant) -> Option<usize> {
        let held = self.held.iter().enumerate().filter(|(_, it)| may_go(it));
        let idle = held.filter_map(|(at, it)| Some((it.connection.idle_since(now)?, at)));
        idle.min().map(|(_, at)| at)
    }
}

impl<T> ConnectionLimit<T> {
    /// Removes the connections for which `is_there` is false.
    pub fn retain(&mut self, is_there: impl Fn(&T) -> bool) {
        self.held.retain(|held| is_there(&held.connection));
    }

    /// The admitted connections, in order of arrival.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.held.iter().map(|held| &held.connection)
    }

    /// As [`iter`](Self::iter), mutable.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.held.iter_mut().map(|held| &mut held.connection)
    }

    /// The number of admitted connections.
    pub fn len(&self) -> usize {
        self.held.len()
    }

    /// Whether no connection is admitted.
    pub fn is_empty(&self) -> bool {
        self.held.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    /// A connection with a name, and since when it is idle.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    struct Named(u32, Option<Instant>);

    impl Idle for Named {
        fn idle_since(&self, _: Instant) -> Option<Instant> {
            self.1
        }
    }

    fn network(last: u8) -> Option<IpAddr> {
        Some([10, 0, 0, last].into())
    }

    fn names(limit: &ConnectionLimit<Named>) -> Vec<u32> {
        limit.iter().map(|named| named.0).collect()
    }

    #[test]
    fn where_all_places_are_taken_the_idlest_makes_way_and_one_in_use_never() {
        let now = Instant::now();
        let idle = |seconds| Some(now - Duration::from_secs(seconds));
        let mut limit = ConnectionLimit::new(3, 3);
        for named in [Named(0, None), Named(1, idle(1)), Named(2, idle(2))] {
            assert_eq!(limit.admit(named, None, now), AdmissionOutcome::Free);
        }
        let admission = limit.admit(Named(3, None), None, now);
        assert_eq!(admission, AdmissionOutcome::InPlaceOf(Named(2, idle(2))));
        let admission = limit.admit(Named(4, None), None, now);
        assert_eq!(admission, AdmissionOutcome::InPlaceOf(Named(1, idle(1))));
        let last = Named(5, idle(0));
        assert_eq!(
            limit.admit(last, None, now),
            AdmissionOutcome::Refused(last)
        );
        assert_eq!(names(&limit), [0, 3, 4]);
        limit.retain(|named| named.0 != 3);
        assert_eq!(limit.admit(last, None, now), AdmissionOutcome::Free);
    }

    #[test]
    fn a_network_that_has_its_share_loses_its_own() {
        let now = Instant::now();
        let idle = Some(now);
        let mut limit = ConnectionLimit::new(4, 2);
        for named in [Named(0, idle), Named(1, idle)] {
            assert_eq!(limit.admit(named, network(1), now), AdmissionOutcome::Free);
        }
        assert_eq!(
            limit.admit(Named(2, None), network(2), now),
            AdmissionOutcome::Free
        );
        let admission = limit.admit(Named(3, None), network(1), now);
        assert_eq!(admission, AdmissionOutcome::InPlaceOf(Named(0, idle)));
        // One without a share is stopped by the number of all alone.
        for number in [4, 5, 6] {
            let expected = match number {
                4 => AdmissionOutcome::Free,
                5 => AdmissionOutcome::InPlaceOf(Named(1, idle)),
                _ => AdmissionOutcome::Refused(Named(6, None)),
            };
            assert_eq!(limit.admit(Named(number, None), None, now), expected);
        }
        let refused = limit.admit(Named(7, idle), network(2), now);
        assert_eq!(refused, AdmissionOutcome::Refused(Named(7, idle)));
    }
}
