//! Proving to each other, before anything else goes over a channel, that both sides know a secret.
//!
//! ```text
//! Peer (DTLS done, data channel open)
//!   worker: Gate ── worker::admit ──┐   Wire: texts of at most 1,024 bytes
//!   client:         client::prove ──┘   proof: keys, transcript with both fingerprints, MACs
//! ```
//!
//! The forms are in the specification of the protocol, the reasons in this crate's `SECURITY.md`.
//! It all happens on the bare data channel, before there is a [`Channel`](crate::Channel) whose
//! receiver would answer offers of lanes.

mod client;
mod encoding;
mod gate;
mod keys;
#[cfg(test)]
mod mitm_tests;
mod plain;
mod proof;
mod quota;
mod secret;
#[cfg(test)]
mod tests;
mod wire;
mod worker;

use std::time::Duration;

pub use gate::AuthCounts;
pub use keys::{KeyError, PublicKey, SigningKey};
pub use secret::{Secret, SecretError};

pub(crate) use client::prove;
pub(crate) use gate::Gate;
pub(crate) use proof::{Fingerprint, Fingerprints};
pub(crate) use quota::Quota;

/// How long a client waits for each of the worker's words, and what a worker gives a client for all of it,
/// from the open channel on.
pub(crate) const AUTH_TIMEOUT: Duration = Duration::from_secs(10);
/// What a verdict that comes at the last moment has to reach the client.
const PARTING: Duration = Duration::from_millis(200);

/// What a side asks of the other before anything else goes over a channel.
#[derive(Debug, Clone, Default)]
pub enum Auth {
    /// Nothing: whoever is there is taken.
    #[default]
    None,
    /// Proof of the same secret, bound to the connection, from both.
    Bound(Secret),
    /// What the Python peers can do. It is not bound to the connection: whoever controls the
    /// signaling server can stand in the middle.
    Plain(Plain),
}

impl Auth {
    /// Whether nothing is asked of anybody.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
}

/// Credentials for the challenge of the Python peers.
#[derive(Debug, Clone, Default)]
pub struct Plain {
    /// Known to both. A worker takes the bound proof of it as well.
    pub secret: Option<Secret>,
    /// A worker's: the keys of clients that it lets in.
    pub authorized: Vec<PublicKey>,
    /// A client's own key; it goes before the secret.
    pub key: Option<SigningKey>,
}
