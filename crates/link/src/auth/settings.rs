use std::time::Duration;

use super::legacy::LegacyCredentials;
use super::secret::Secret;

/// How long a client waits for each of the worker's messages, and what a worker gives a client for all
/// of them, from the open channel on.
pub(crate) const AUTH_TIMEOUT: Duration = Duration::from_secs(10);
/// What a verdict that comes at the last moment has to reach the client.
pub(super) const VERDICT_MARGIN: Duration = Duration::from_millis(200);

/// What a side asks of the other before anything else goes over a channel.
#[derive(Debug, Clone, Default)]
pub enum Auth {
    /// Nothing: every peer is taken.
    #[default]
    None,
    /// Proof of the same secret, bound to the connection, from both.
    Bound(Secret),
    /// What SLEAP-RTC's own peers can do. It is not bound to the connection: an attacker who controls
    /// the signaling server can intercept it.
    Legacy(LegacyCredentials),
}

impl Auth {
    /// Whether nothing is asked of the peer.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }
}
