use std::time::Duration;

use thiserror::Error;

use crate::ice::IceConfig;
use crate::udp::{self, InterfaceError, UdpConfig};

/// Settings of one WebRTC connection.
#[derive(Debug, Clone)]
pub struct ConnectionConfig {
    /// STUN and TURN servers.
    pub ice: IceConfig,
    /// Local addresses, ports and sockets.
    pub udp: UdpConfig,
    /// Buffers and packets of the association.
    pub sctp: SctpConfig,
    /// Longest wait for each step of a connection: signaling, the answer, the open channel.
    pub connect_timeout: Duration,
    /// Longest time without a sign of life after which a peer counts as lost.
    pub peer_timeout: Duration,
    /// Interval of consent checks, to which the peer answers; several fit into `peer_timeout`.
    pub consent_interval: Duration,
}

impl Default for ConnectionConfig {
    fn default() -> Self {
        Self {
            ice: IceConfig::default(),
            udp: UdpConfig::default(),
            sctp: SctpConfig::default(),
            connect_timeout: Duration::from_secs(15),
            peer_timeout: Duration::from_secs(5),
            consent_interval: Duration::from_secs(1),
        }
    }
}

/// The SCTP association, which carries the data channel.
#[derive(Debug, Clone)]
pub struct SctpConfig {
    /// Bytes that may lie in SCTP unacknowledged before sending waits.
    pub send_buffer_bytes: usize,
    /// Receive window, in bytes.
    pub receive_window_bytes: u32,
    /// Bytes of a packet. 1400 leaves room for DTLS, UDP and IP in an Ethernet frame; a path through
    /// a tunnel may need less.
    pub mtu: u32,
}

impl Default for SctpConfig {
    fn default() -> Self {
        Self {
            send_buffer_bytes: 2 << 20,
            receive_window_bytes: 4 << 20,
            mtu: 1400,
        }
    }
}

/// Settings of a connection that contradict each other or cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// A TURN server without its user name or password.
    #[error("{server} needs a user name and a password")]
    Credentials {
        /// The server's URL.
        server: String,
    },
    /// Relayed addresses alone are allowed, and no server gives any.
    #[error(
        "only relayed addresses may be used (--relay-only), and there is no TURN server to give one: \
         name one (--ice-server turn:HOST:PORT)"
    )]
    RelayOnly,
    /// No UDP socket can be opened.
    #[error(transparent)]
    Interface(#[from] InterfaceError),
}

impl ConnectionConfig {
    /// Checks, before any connection, that the settings can be used at all.
    pub fn check(&self) -> Result<(), ConfigError> {
        if let Some(server) = self.ice.servers.iter().find(|it| it.lacks_credentials()) {
            return Err(ConfigError::Credentials {
                server: server.to_string(),
            });
        }
        if self.ice.lacks_relay() {
            return Err(ConfigError::RelayOnly);
        }
        udp::bindable(&self.udp)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_that_cannot_be_met_are_told() {
        let check = |url: &str, relay_only: bool, interfaces: &[&str]| {
            let config = ConnectionConfig {
                ice: IceConfig {
                    servers: vec![url.parse().expect(url)],
                    relay_only,
                },
                udp: UdpConfig {
                    interfaces: interfaces.iter().map(|name| (*name).to_owned()).collect(),
                    ..UdpConfig::default()
                },
                ..ConnectionConfig::default()
            };
            config.check().map_err(|error| error.to_string())
        };
        assert_eq!(check("turn:u:p@h", true, &["127.0.0.1"]), Ok(()));
        assert_eq!(check("stun:h", false, &[]), Ok(()));
        let error = check("turn:h", false, &[]).expect_err("no credentials");
        assert!(error.contains("turn:h:3478"), "{error}");
        let error = check("stun:h", true, &[]).expect_err("no relay");
        assert!(error.contains("TURN"), "{error}");
        let error = check("stun:h", false, &["192.0.2.77"]).expect_err("no such address");
        assert!(error.contains("192.0.2.77"), "{error}");
    }
}
