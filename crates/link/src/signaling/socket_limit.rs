//! How many sockets the signaling server serves, and whose.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::directory::PeerDirectory;
use super::outbox::SocketId;
use crate::limits::{AddressLimit, AddressPermit};

/// Sockets served at a time.
const MAX_SOCKETS: usize = 256;
/// Of them from one network: a single stranger does not keep all others away.
const MAX_SOCKETS_EACH: usize = 64;
/// Further places for a worker that comes back from this machine while strangers hold all others.
const RESERVED_SOCKETS: usize = 4;
/// Time in which a socket has to say who it is.
const REGISTER_TIMEOUT: Duration = Duration::from_secs(30);
/// The same for one in a place that is kept for the reservation's owner.
const OWNER_REGISTER_TIMEOUT: Duration = Duration::from_secs(5);

/// How many may come in.
pub(super) struct SocketLimit {
    shared: Arc<Semaphore>,
    reserved: Arc<Semaphore>,
    connections: AddressLimit,
}

/// A place of a socket, given up when dropped.
pub(super) enum SocketPermit {
    Shared {
        _permit: OwnedSemaphorePermit,
        _counted: AddressPermit,
    },
    /// Kept for the reservation's owner.
    Reserved { _permit: OwnedSemaphorePermit },
}

impl Default for SocketLimit {
    fn default() -> Self {
        Self {
            shared: Arc::new(Semaphore::new(MAX_SOCKETS)),
            reserved: Arc::new(Semaphore::new(RESERVED_SOCKETS)),
            connections: AddressLimit::new(MAX_SOCKETS_EACH),
        }
    }
}

impl SocketLimit {
    /// A place for a connection between two addresses, if there is one left.
    pub(super) fn enter(&self, from: SocketAddr, to: SocketAddr) -> Option<SocketPermit> {
        if let Ok(place) = self.shared.clone().try_acquire_owned()
            && let Some(counted) = self.connections.enter(from.ip())
        {
            return Some(SocketPermit::Shared {
                _permit: place,
                _counted: counted,
            });
        }
        // The owner is a worker of this program, so it comes from this machine.
        if from.ip() != to.ip() && !from.ip().to_canonical().is_loopback() {
            return None;
        }
        let place = self.reserved.clone().try_acquire_owned().ok()?;
        Some(SocketPermit::Reserved { _permit: place })
    }
}

impl SocketPermit {
    /// Who has to show itself in which time.
    pub(super) fn idle_policy(&self) -> IdlePolicy {
        match self {
            Self::Shared { .. } => IdlePolicy::AnyPeer,
            Self::Reserved { .. } => IdlePolicy::Owner,
        }
    }
}

/// Who may stay in a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IdlePolicy {
    /// Whoever registers.
    AnyPeer,
    /// The reservation's owner alone.
    Owner,
}

impl IdlePolicy {
    pub(super) fn time(self) -> Duration {
        match self {
            Self::AnyPeer => REGISTER_TIMEOUT,
            Self::Owner => OWNER_REGISTER_TIMEOUT,
        }
    }

    /// Whether the socket may stay.
    pub(super) fn is_satisfied(self, directory: &PeerDirectory, socket: SocketId) -> bool {
        match self {
            Self::AnyPeer => directory.id_of(socket).is_some(),
            Self::Owner => directory.is_owner(socket),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_worker_of_this_machine_finds_a_permit_when_strangers_have_all() {
        let limit = SocketLimit::default();
        let at = |text: &str| -> SocketAddr { text.parse().unwrap() };
        let here = at("10.0.0.1:8080");
        let strangers: Vec<SocketPermit> = (0..=u8::MAX)
            .flat_map(|network| std::iter::repeat_n(network, MAX_SOCKETS_EACH))
            .map_while(|network| limit.enter(at(&format!("10.0.{network}.2:1")), here))
            .collect();
        assert_eq!(strangers.len(), MAX_SOCKETS);
        assert!(limit.enter(at("10.9.9.9:1"), here).is_none());
        let own: Vec<SocketPermit> =
            std::iter::from_fn(|| limit.enter(at("10.0.0.1:9"), here)).collect();
        assert_eq!(own.len(), RESERVED_SOCKETS);
        assert!(
            own.iter()
                .all(|place| place.idle_policy() == IdlePolicy::Owner)
        );
        drop(own);
        assert!(
            limit
                .enter(at("127.0.0.1:9"), at("127.0.0.1:8080"))
                .is_some()
        );
    }
}
