//! How many sockets the signaling server serves, and which of them have to register in which time.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use net::{ConnectionPermit, SharedLimit, Unevictable, remote_network_of};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::directory::PeerDirectory;
use super::outbox::SocketId;

/// Sockets served at a time.
const MAX_SOCKETS: usize = 256;
/// Of them from one network: a single machine cannot take all of them.
const MAX_SOCKETS_EACH: usize = 64;
/// Further sockets for a worker that registers again from this machine while other peers have all shared
/// ones.
const RESERVED_SOCKETS: usize = 4;
/// Time in which a socket has to register.
const REGISTER_TIMEOUT: Duration = Duration::from_secs(30);
/// The same for one of the reserved sockets.
const OWNER_REGISTER_TIMEOUT: Duration = Duration::from_secs(5);

/// Gives a permit to each socket that is served.
pub(super) struct SocketLimit {
    shared: SharedLimit<Unevictable>,
    reserved: Arc<Semaphore>,
}

/// The right to one socket, given back when dropped.
pub(super) enum SocketPermit {
    /// One of the sockets for all peers.
    Shared {
        _permit: ConnectionPermit<Unevictable>,
    },
    /// One of the sockets for the worker that has the reserved id.
    Reserved { _permit: OwnedSemaphorePermit },
}

impl Default for SocketLimit {
    fn default() -> Self {
        Self {
            shared: SharedLimit::new(MAX_SOCKETS, MAX_SOCKETS_EACH),
            reserved: Arc::new(Semaphore::new(RESERVED_SOCKETS)),
        }
    }
}

impl SocketLimit {
    /// A permit for a connection between two addresses; `None` where all are taken.
    pub(super) fn enter(&self, from: SocketAddr, to: SocketAddr) -> Option<SocketPermit> {
        let network = remote_network_of(from.ip());
        if let Some((permit, _)) = self.shared.admit(Unevictable, network, Instant::now()) {
            return Some(SocketPermit::Shared { _permit: permit });
        }
        // The worker with the reserved id runs in the server's own process, so it connects from this machine.
        if from.ip() != to.ip() && !from.ip().to_canonical().is_loopback() {
            return None;
        }
        let permit = self.reserved.clone().try_acquire_owned().ok()?;
        Some(SocketPermit::Reserved { _permit: permit })
    }
}

impl SocketPermit {
    /// What the socket has to do to stay open.
    pub(super) fn idle_policy(&self) -> IdlePolicy {
        match self {
            Self::Shared { .. } => IdlePolicy::AnyPeer,
            Self::Reserved { .. } => IdlePolicy::Owner,
        }
    }
}

/// Which registration keeps a socket open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IdlePolicy {
    /// Under any id.
    AnyPeer,
    /// Under the reserved id.
    Owner,
}

impl IdlePolicy {
    /// Time in which the socket has to register.
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
        let peers: Vec<SocketPermit> = (0..=u8::MAX)
            .flat_map(|network| std::iter::repeat_n(network, MAX_SOCKETS_EACH))
            .map_while(|network| limit.enter(at(&format!("10.0.{network}.2:1")), here))
            .collect();
        assert_eq!(peers.len(), MAX_SOCKETS);
        assert!(limit.enter(at("10.9.9.9:1"), here).is_none());
        let own: Vec<SocketPermit> =
            std::iter::from_fn(|| limit.enter(at("10.0.0.1:9"), here)).collect();
        assert_eq!(own.len(), RESERVED_SOCKETS);
        assert!(
            own.iter()
                .all(|permit| permit.idle_policy() == IdlePolicy::Owner)
        );
        drop(own);
        assert!(
            limit
                .enter(at("127.0.0.1:9"), at("127.0.0.1:8080"))
                .is_some()
        );
    }
}
