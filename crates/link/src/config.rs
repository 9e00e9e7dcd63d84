use std::time::Duration;

use crate::IceServer;

const MIB: usize = 1024 * 1024;

/// Settings of one side of a peer connection.
#[derive(Debug, Clone)]
pub struct PeerConfig {
    /// STUN and TURN servers. Empty: host candidates alone, enough within one network.
    pub ice_servers: Vec<IceServer>,
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
    /// Longest time without a sign of life after which a peer counts as lost.
    pub peer_timeout: Duration,
    /// Longest time that closing waits for unsent messages.
    pub close_timeout: Duration,
    /// Handshakes that an [`Acceptor`](crate::Acceptor) runs at a time; further offers are refused.
    pub max_handshakes: usize,
    /// Id to register under. `None`: `worker-` or `client-` and a random number.
    pub peer_id: Option<String>,
    /// Id of the worker to [`connect`](crate::connect()) to. `None`: the first one that looks like
    /// a worker.
    pub worker_id: Option<String>,
}

impl Default for PeerConfig {
    fn default() -> Self {
        Self {
            ice_servers: Vec::new(),
            limits: protocol::Limits::default(),
            socket_buffer_bytes: 4 * MIB,
            send_buffer_bytes: 2 * MIB,
            receive_window_bytes: 4 * MIB as u32,
            sctp_mtu: 1400,
            chunk_bytes: protocol::CHUNK_BYTES,
            connect_timeout: Duration::from_secs(15),
            peer_timeout: Duration::from_secs(5),
            close_timeout: Duration::from_secs(5),
            max_handshakes: 8,
            peer_id: None,
            worker_id: None,
        }
    }
}

impl PeerConfig {
    /// The id to register under: the configured one, or `{role}-` and 16 random hexadecimal digits.
    pub(crate) fn id_for(&self, role: &str) -> String {
        match &self.peer_id {
            Some(id) => id.clone(),
            None => format!("{role}-{:016x}", random_u64()),
        }
    }
}

fn random_u64() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    // Without a source of randomness an id only has to be unlikely to repeat.
    getrandom::u64().unwrap_or_else(|_| RandomState::new().hash_one(std::process::id()))
}
