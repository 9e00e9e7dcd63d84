use std::ops::RangeInclusive;
use std::time::{Duration, Instant};

use crate::auth::Auth;
use crate::error::ConfigError;
use crate::ice::{IceServer, IceService};
use crate::interfaces;
use crate::signaling::Reservation;

const MIB: usize = 1024 * 1024;

/// Settings of one side of a peer connection.
#[derive(Debug, Clone)]
pub struct PeerConfig {
    /// STUN and TURN servers. Empty: host candidates alone, enough within one network.
    pub ice_servers: Vec<IceServer>,
    /// Offer relayed addresses alone, so that the peer learns none of this side's own.
    pub relay_only: bool,
    /// UDP ports of this side. A connection takes one on each of its addresses. `None`: any.
    pub ports: Option<RangeInclusive<u16>>,
    /// Names or addresses of the network interfaces to use. Empty: loopback and all usable ones.
    pub interfaces: Vec<String>,
    /// Bounds that every received message is checked against.
    pub limits: protocol::Limits,
    /// `SO_RCVBUF` and `SO_SNDBUF` of the UDP sockets, in bytes. The kernel may grant less;
    /// [`LinkStats`](crate::LinkStats) says what it granted.
    pub socket_buffer_bytes: usize,
    /// Bytes that may lie in SCTP unacknowledged before sending waits.
    pub send_buffer_bytes: usize,
    /// SCTP receive window, in bytes.
    pub receive_window_bytes: u32,
    /// Bytes of an SCTP packet. 1400 leaves room for DTLS, UDP and IP in an Ethernet frame; a
    /// path through a tunnel may need less.
    pub sctp_mtu: u32,
    /// Longest binary message of a frame, in bytes; a lower limit of the peer takes precedence.
    pub chunk_bytes: usize,
    /// Longest wait for each step of a connection: signaling, the answer, the open channel.
    pub connect_timeout: Duration,
    /// When a connection of [`connect`](crate::connect()) must have come about: no step waits longer.
    pub connect_by: Option<Instant>,
    /// Longest time without a sign of life after which a peer counts as lost.
    pub peer_timeout: Duration,
    /// Longest time that closing waits for unsent messages.
    pub close_timeout: Duration,
    /// Handshakes that an [`Acceptor`](crate::Acceptor) runs at a time; further offers are refused.
    pub max_handshakes: usize,
    /// Lanes that the peer may open for one channel, the first one included; 1: none beside it.
    /// At most [`protocol::MAX_LANES`].
    pub max_lanes: usize,
    /// What is asked of the other side before a channel comes about.
    pub auth: Auth,
    /// Id to register under. `None`: `worker-` or `client-` and a random number.
    pub peer_id: Option<String>,
    /// The right to that id, where the server has reserved it.
    pub reservation: Option<Reservation>,
    /// Id of the worker to [`connect`](crate::connect()) to. `None`: the first one that looks like
    /// a worker.
    pub worker_id: Option<String>,
}

impl Default for PeerConfig {
    fn default() -> Self {
        Self {
            ice_servers: Vec::new(),
            relay_only: false,
            ports: None,
            interfaces: Vec::new(),
            limits: protocol::Limits::default(),
            socket_buffer_bytes: 4 * MIB,
            send_buffer_bytes: 2 * MIB,
            receive_window_bytes: 4 * MIB as u32,
            sctp_mtu: 1400,
            chunk_bytes: protocol::CHUNK_BYTES,
            connect_timeout: Duration::from_secs(15),
            connect_by: None,
            peer_timeout: Duration::from_secs(5),
            close_timeout: Duration::from_secs(5),
            max_handshakes: 8,
            max_lanes: 1,
            auth: Auth::None,
            peer_id: None,
            reservation: None,
            worker_id: None,
        }
    }
}

impl PeerConfig {
    /// Checks what can be known before a connection: that the settings can be met at all.
    pub fn check(&self) -> Result<(), ConfigError> {
        if let Some(server) = self.ice_servers.iter().find(|it| it.lacks_credentials()) {
            return Err(ConfigError::Credentials {
                server: server.to_string(),
            });
        }
        self.relay()?;
        interfaces::bindable(self)?;
        Ok(())
    }

    /// Checks that there is a relay where nothing else may be used.
    pub(crate) fn relay(&self) -> Result<(), ConfigError> {
        let mut servers = self.ice_servers.iter();
        match self.relay_only && !servers.any(|it| it.service == IceService::Turn) {
            true => Err(ConfigError::RelayOnly),
            false => Ok(()),
        }
    }

    /// How long the next step of a connection may take. What is left before `connect_by` is given in
    /// tenths of a second, as people read it in errors.
    pub(crate) fn step(&self) -> Duration {
        let Some(by) = self.connect_by else {
            return self.connect_timeout;
        };
        let left = by.saturating_duration_since(Instant::now());
        let tenths = u64::try_from(left.as_millis() / 100).unwrap_or(u64::MAX);
        self.connect_timeout
            .min(Duration::from_millis(tenths.saturating_mul(100)))
    }

    /// The id to register under: the configured one, or `{role}-` and 16 random hexadecimal digits.
    pub(crate) fn id_for(&self, role: &str) -> String {
        self.peer_id.clone().unwrap_or_else(|| random_id(role))
    }
}

/// `{role}-` and 16 random hexadecimal digits.
pub fn random_id(role: &str) -> String {
    format!("{role}-{:016x}", random_u64())
}

pub(crate) fn random_u64() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    // Without a source of randomness an id only has to be unlikely to repeat.
    getrandom::u64().unwrap_or_else(|_| RandomState::new().hash_one(std::process::id()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_step_goes_beyond_the_time_for_the_connection() {
        let step = |left: Duration| {
            let config = PeerConfig {
                connect_by: Some(Instant::now() + left),
                ..PeerConfig::default()
            };
            config.step()
        };
        assert_eq!(PeerConfig::default().step(), Duration::from_secs(15));
        assert_eq!(step(Duration::from_secs(600)), Duration::from_secs(15));
        let short = step(Duration::from_millis(1250));
        assert!(short <= Duration::from_millis(1200), "{short:?}");
        assert_eq!(short.as_millis() % 100, 0);
        assert_eq!(step(Duration::ZERO), Duration::ZERO);
    }

    #[test]
    fn settings_that_cannot_be_met_are_told() {
        let check = |url: &str, relay_only: bool, interfaces: &[&str]| {
            let config = PeerConfig {
                ice_servers: vec![url.parse().expect(url)],
                relay_only,
                interfaces: interfaces.iter().map(|name| (*name).to_owned()).collect(),
                ..PeerConfig::default()
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
