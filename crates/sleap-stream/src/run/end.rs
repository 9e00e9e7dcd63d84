//! Why a stream ended.

use std::time::Duration;

/// Why the receiving loop ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReceiveEnd {
    /// The worker has confirmed the end.
    Complete,
    /// Ctrl-C, and everything that was sent has a result or is given up.
    Interrupted,
    /// The reader of the predictions has gone, and they have no other use.
    NoReader,
    /// The worker did not confirm the end in time.
    Silent,
    /// It returned no result for this long.
    Unanswered(Duration),
    /// The connection is lost.
    Lost,
}
