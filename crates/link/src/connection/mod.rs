//! One WebRTC connection, from its settings to the open data channel.
//!
//! ```text
//! ConnectionConfig ──▶ Negotiation ── offer, answer, candidates ──▶ Connection { Association }
//! ```
//!
//! A [`Negotiation`] is a connection on its way to an open data channel; what it becomes is a
//! [`Connection`] with one [`Association`]. The rooms above see these and no type of the WebRTC
//! library.

mod association;
mod config;
mod error;
mod events;
mod fingerprints;
mod negotiation;
mod open;
mod path;
mod peer_connection;
mod settings;
#[cfg(test)]
mod tests;

pub use config::{ConfigError, ConnectionConfig, SctpConfig};
pub use error::ConnectionError;
pub use path::PathStats;

pub(crate) use association::{Association, ChannelClosed, RawMessage};
pub(crate) use fingerprints::{Fingerprint, Fingerprints};
pub(crate) use negotiation::{Delivery, MAX_DESCRIPTION_BYTES, Negotiation, check_description};
pub(crate) use open::Connection;
