//! Reasons and outcomes, with their words in the labels of metrics.

use protocol::DropReason;

/// Why a frame gets no pose and no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FrameLoss {
    /// It did not arrive complete; the word is the protocol's reason.
    Dropped(&'static str),
    /// Its client has not started a stream.
    NoStream,
    /// Its client has left.
    ClientLeft,
}

/// Why a stream was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamRefusal {
    /// Another client streams.
    Busy,
    /// The worker is about to end.
    ShuttingDown,
    /// The STREAM_START cannot be read.
    Unreadable,
    /// The worker takes no streams (--no-stream).
    NoStreams,
    /// The model is too slow for one more live stream.
    NoRoom,
}

/// How a stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StreamEndReason {
    Complete,
    /// Its client started another one.
    Restarted,
    ClientLeft,
    /// Its client's heartbeat has stopped.
    ClientMute,
    /// Its client reconnected on another connection.
    TakenOver,
    Interrupted,
    Failed,
}

/// The outcome of a file that a client sent, or asked to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum UploadOutcome {
    Complete,
    /// The worker does not take it, or not at this moment.
    Refused,
    /// It is not what was announced, or no more of it arrives.
    Broken,
}

/// The outcome of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JobOutcome {
    Complete,
    /// Some frames have no prediction.
    Partial,
    Failed,
    /// Its client has left, or does not take the predictions.
    ClientLeft,
}

impl UploadOutcome {
    pub(super) const ALL: [&str; 3] = ["complete", "refused", "broken"];

    pub(super) fn word(self) -> &'static str {
        Self::ALL[self as usize]
    }
}

impl JobOutcome {
    pub(super) const ALL: [&str; 4] = ["complete", "partial", "failed", "client_left"];

    pub(super) fn word(self) -> &'static str {
        Self::ALL[self as usize]
    }
}

impl FrameLoss {
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
            FrameLoss::Dropped(word) => word,
            FrameLoss::NoStream => "no_stream",
            FrameLoss::ClientLeft => "client_left",
        }
    }
}

impl StreamRefusal {
    pub(super) const ALL: [&str; 5] = [
        "busy",
        "shutting_down",
        "unreadable",
        "no_streams",
        "no_room",
    ];

    pub(super) fn word(self) -> &'static str {
        Self::ALL[self as usize]
    }
}

impl StreamEndReason {
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
