/// What a channel has carried so far and what it rests on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct LinkStats {
    /// Messages handed to SCTP.
    pub messages_sent: u64,
    /// Payload bytes handed to SCTP.
    pub bytes_sent: u64,
    /// Those of them that were sent as shards of frames and answers, their headers included.
    pub data_shard_bytes: u64,
    /// Those that were sent as parity beside these shards.
    pub parity_shard_bytes: u64,
    /// Messages given out by the receiver.
    pub messages_received: u64,
    /// Payload bytes given out by the receiver.
    pub bytes_received: u64,
    /// Bytes in the send queue that SCTP does not have yet.
    pub queued_bytes: usize,
    /// Bytes that SCTP has and the peer has not acknowledged. `None` while the connection is busy.
    pub outstanding_bytes: Option<usize>,
    /// Smallest `SO_RCVBUF` granted to a UDP socket of the connection, in usable bytes.
    pub socket_receive_buffer: usize,
    /// Smallest `SO_SNDBUF` granted to a UDP socket of the connection, in usable bytes.
    pub socket_send_buffer: usize,
    /// Longest message that the peer takes, in bytes.
    pub max_message_bytes: usize,
}
