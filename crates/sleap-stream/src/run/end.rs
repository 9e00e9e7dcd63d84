//! Why a stream ended.

use std::time::Duration;

/// Why the receiving loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReceiveEnd {
    Complete,
    /// Ctrl-C, and everything that was sent is answered or given up.
    Interrupted,
    /// Whoever read the predictions has gone, and nobody else wants them.
    NoReader,
    /// The worker said nothing of the end for too long.
    Silent,
    /// It answered no frame for so long.
    Unanswered(Duration),
    Lost,
}
