//! Both sides prove to each other that they have the same secret, before any other message.
//!
//! ```text
//! Peer (DTLS done, data channel open)
//!   worker: AuthGate ── worker::admit ──┐   AuthChannel: texts of at most 1,024 bytes
//!   client:         client::prove ──┘   proof: keys, transcript with both fingerprints, MACs
//! ```
//!
//! The forms are in the specification of the protocol, the reasons in this crate's `SECURITY.md`.
//! It all happens on the bare data channel, before there is a [`Channel`](crate::Channel) whose
//! receiver would answer offers of lanes.

mod client;
mod encoding;
mod error;
mod exchange;
mod gate;
mod keys;
mod legacy;
mod proof;
mod refusal;
mod secret;
mod settings;
#[cfg(test)]
mod tests;
mod worker;

pub use error::{AuthError, HandshakeError, PeerError};
pub use gate::AuthCounts;
pub use keys::{KeyError, PublicKey, SigningKey};
pub use legacy::LegacyCredentials;
pub use refusal::AuthRefusal;
pub use secret::{Secret, SecretError};
pub use settings::Auth;

pub(crate) use client::prove;
pub(crate) use gate::AuthGate;
