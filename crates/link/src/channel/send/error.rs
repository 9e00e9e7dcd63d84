use thiserror::Error;

use crate::close::CloseReason;

/// A message was not taken for sending.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SendError {
    /// The channel is closed.
    #[error("the channel is closed: {0}")]
    Closed(CloseReason),
    /// The peer does not take a message of this length.
    #[error("a message of {bytes} bytes is above the peer's limit of {max}")]
    TooLarge {
        /// Length of the message.
        bytes: usize,
        /// Longest message that the peer takes.
        max: usize,
    },
}
