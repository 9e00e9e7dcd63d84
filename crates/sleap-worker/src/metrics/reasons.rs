//! Words for why something happened, as they stand in labels.

use protocol::DropReason;

/// Why a frame gets no pose and no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    /// It did not arrive whole.
    Dropped(&'static str),
    /// Nobody has started a stream for it.
    NoStream,
    /// Its client has left.
    ClientLeft,
}

/// Why a stream was not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refused {
    Busy,
    ShuttingDown,
    Unreadable,
    /// The worker takes none.
    NoStreams,
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamEnd {
    Complete,
    /// Its client started another one.
    Restarted,
    ClientLeft,
    /// Its client's heartbeat has stopped.
    ClientMute,
    /// Its client came back on another connection.
    TakenOver,
    Interrupted,
    Failed,
}

/// What came of a file that a client began to send, or asked for leave to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UploadEnd {
    Complete,
    /// The worker does not take it, or not now.
    Refused,
    /// It is not what was announced, or it brings nothing any more.
    Broken,
}

/// What came of a file's predictions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JobEnd {
    Complete,
    /// Some of its frames have none.
    Partial,
    Failed,
    /// Its client has left, or does not take them.
    ClientLeft,
}

impl UploadEnd {
    pub(super) const ALL: [&str; 3] = ["complete", "refused", "broken"];

    pub(super) fn word(self) -> &'static str {
        Self::ALL[self as usize]
    }
}

impl JobEnd {
    pub(super) const ALL: [&str; 4] = ["complete", "partial", "failed", "client_left"];

    pub(super) fn word(self) -> &'static str {
        Self::ALL[self as usize]
    }
}

impl Lost {
    pub(super) const ALL: [&str; 13] = [
        "incomplete",
        "overrun",
        "end_mismatch",
        "superseded",
        "orphan_chunks",
        "orphan_end",
        "refused",
        "chunk_too_large",
        "out_of_memory",
        "abandoned",
        "other",
        "no_stream",
        "client_left",
    ];

    pub(super) fn word(self) -> &'static str {
        match self {
            Lost::Dropped(word) => word,
            Lost::NoStream => "no_stream",
            Lost::ClientLeft => "client_left",
        }
    }
}

impl Refused {
    pub(super) const ALL: [&str; 4] = ["busy", "shutting_down", "unreadable", "no_streams"];

    pub(super) fn word(self) -> &'static str {
        Self::ALL[self as usize]
    }
}

impl StreamEnd {
    pub(super) const ALL: [&str; 7] = [
        "complete",
        "restarted",
        "client_left",
        "client_mute",
        "taken_over",
        "interrupted",
        "failed",
    ];

    pub(super) fn word(self) -> &'static str {
        Self::ALL[self as usize]
    }
}

/// The protocol's reason, in the form of a label.
pub(super) fn word(reason: &DropReason) -> &'static str {
    match reason {
        DropReason::Incomplete { .. } => "incomplete",
        DropReason::Overrun { .. } => "overrun",
        DropReason::EndMismatch { .. } => "end_mismatch",
        DropReason::Superseded { .. } => "superseded",
        DropReason::OrphanChunks { .. } => "orphan_chunks",
        DropReason::OrphanEnd => "orphan_end",
        DropReason::Refused(_) => "refused",
        DropReason::ChunkTooLarge { .. } => "chunk_too_large",
        DropReason::OutOfMemory { .. } => "out_of_memory",
        DropReason::Abandoned { .. } => "abandoned",
        _ => "other",
    }
}
