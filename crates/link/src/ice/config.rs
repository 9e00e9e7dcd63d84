use super::server::{IceServer, IceService};

/// How a path to the peer may be found.
#[derive(Debug, Clone, Default)]
pub struct IceConfig {
    /// STUN and TURN servers. Empty: host candidates alone, enough within one network.
    pub servers: Vec<IceServer>,
    /// Offer relayed addresses only, so that the peer does not receive any address of this side.
    pub relay_only: bool,
}

impl IceConfig {
    /// Whether relayed addresses alone may be used, and no server can give one.
    pub(crate) fn lacks_relay(&self) -> bool {
        let mut services = self.servers.iter().map(|server| server.service);
        self.relay_only && services.all(|service| service != IceService::Turn)
    }
}
