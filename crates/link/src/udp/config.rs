use std::ops::RangeInclusive;

/// The UDP sockets of one side.
#[derive(Debug, Clone)]
pub struct UdpConfig {
    /// UDP ports of this side. A connection takes one on each of its addresses. `None`: any.
    pub ports: Option<RangeInclusive<u16>>,
    /// Names or addresses of the network interfaces to use. Empty: loopback and all usable ones.
    pub interfaces: Vec<String>,
    /// `SO_RCVBUF` and `SO_SNDBUF` of the sockets, in bytes. The kernel may grant less;
    /// [`LinkStats`](crate::LinkStats) has what it granted.
    pub buffer_bytes: usize,
    /// How many of a connection's first datagrams are sent twice, so that one that is lost does not cost the second that
    /// DTLS and SCTP wait.
    pub repeats: u32,
    /// Of these, how many are sent twice more: nothing else of a connection goes on before they have arrived.
    pub repeats_often: u32,
}

impl Default for UdpConfig {
    fn default() -> Self {
        Self {
            ports: None,
            interfaces: Vec::new(),
            buffer_bytes: 4 << 20,
            repeats: 48,
            repeats_often: 6,
        }
    }
}
