//! How many sockets the signaling server serves, and whose.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::hub::Hub;
use super::outbox::SocketId;
use crate::limits::{AddressLimit, AddressPermit};

/// Sockets served at a time.
const MAX_SOCKETS: usize = 256;
/// Of them from one network: a single stranger does not keep all others away.
const MAX_SOCKETS_EACH: usize = 64;
/// Further places for a worker that comes back from this machine while strangers hold all others.
const OWNER_PLACES: usize = 4;
/// Time in which a socket has to say who it is.
const REGISTER_TIMEOUT: Duration = Duration::from_secs(30);
/// The same for one in a place that is kept for the reservation's owner.
const OWNER_TIMEOUT: Duration = Duration::from_secs(5);

/// How many may come in.
pub(super) struct Door {
    places: Arc<Semaphore>,
    kept: Arc<Semaphore>,
    connections: AddressLimit,
}

/// A place of a socket, given up when dropped.
pub(super) enum Place {
    Anybodys {
        _place: OwnedSemaphorePermit,
        _counted: AddressPermit,
    },
    /// Kept for the reservation's owner.
    Owners { _place: OwnedSemaphorePermit },
}

impl Default for Door {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(MAX_SOCKETS)),
            kept: Arc::new(Semaphore::new(OWNER_PLACES)),
            connections: AddressLimit::new(MAX_SOCKETS_EACH),
        }
    }
}

impl Door {
    /// A place for a connection between two addresses, if there is one left.
    pub(super) fn enter(&self, from: SocketAddr, to: SocketAddr) -> Option<Place> {
        if let Ok(place) = self.places.clone().try_acquire_owned()
            && let Some(counted) = self.connections.enter(from.ip())
        {
            return Some(Place::Anybodys {
                _place: place,
                _counted: counted,
            });
        }
        // The owner is a worker of this program, so it comes from this machine.
        if from.ip() != to.ip() && !from.ip().to_canonical().is_loopback() {
            return None;
        }
        let place = self.kept.clone().try_acquire_owned().ok()?;
        Some(Place::Owners { _place: place })
    }
}

impl Place {
    /// Who has to show itself in which time.
    pub(super) fn patience(&self) -> Patience {
        match self {
            Self::Anybodys { .. } => Patience::Anybody,
            Self::Owners { .. } => Patience::Owner,
        }
    }
}

/// Who may stay in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Patience {
    /// Whoever registers.
    Anybody,
    /// The reservation's owner alone.
    Owner,
}

impl Patience {
    pub(super) fn time(self) -> Duration {
        match self {
            Self::Anybody => REGISTER_TIMEOUT,
            Self::Owner => OWNER_TIMEOUT,
        }
    }

    /// Whether the socket may stay.
    pub(super) fn is_satisfied(self, hub: &Hub, socket: SocketId) -> bool {
        match self {
            Self::Anybody => hub.id_of(socket).is_some(),
            Self::Owner => hub.is_owner(socket),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_of_this_machine_finds_a_place_when_strangers_have_all() {
        let door = Door::default();
        let at = |text: &str| -> SocketAddr { text.parse().unwrap() };
        let here = at("10.0.0.1:8080");
        let strangers: Vec<Place> = (0..=u8::MAX)
            .flat_map(|network| std::iter::repeat_n(network, MAX_SOCKETS_EACH))
            .map_while(|network| door.enter(at(&format!("10.0.{network}.2:1")), here))
            .collect();
        assert_eq!(strangers.len(), MAX_SOCKETS);
        assert!(door.enter(at("10.9.9.9:1"), here).is_none());
        let own: Vec<Place> = std::iter::from_fn(|| door.enter(at("10.0.0.1:9"), here)).collect();
        assert_eq!(own.len(), OWNER_PLACES);
        assert!(own.iter().all(|place| place.patience() == Patience::Owner));
        drop(own);
        assert!(
            door.enter(at("127.0.0.1:9"), at("127.0.0.1:8080"))
                .is_some()
        );
    }
}
