//! EmitCounts of sent and lost poses.

use std::fmt;

/// Poses of a stream for one target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EmitCounts {
    /// Passed to the system, or published to a subscriber. UDP does not report whether they were
    /// received.
    pub sent: u64,
    /// Published while no subscriber to poses was connected.
    pub without_subscriber: u64,
    /// Dropped because a queue was full: the system's, or that of a subscriber that is too slow.
    /// Each subscriber counts separately.
    pub dropped: u64,
    /// Larger than a datagram can be.
    pub too_large: u64,
    /// The system refused to send them.
    pub failed: u64,
}

/// A target and the counts of its poses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetCounts {
    /// The target's URL.
    pub target: String,
    /// Its counts.
    pub counts: EmitCounts,
}

/// The outcome of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SendOutcome {
    Sent,
    WithoutSubscriber,
    Dropped,
    TooLarge,
    Failed,
}

impl EmitCounts {
    pub(crate) fn count(&mut self, outcome: SendOutcome) {
        *match outcome {
            SendOutcome::Sent => &mut self.sent,
            SendOutcome::WithoutSubscriber => &mut self.without_subscriber,
            SendOutcome::Dropped => &mut self.dropped,
            SendOutcome::TooLarge => &mut self.too_large,
            SendOutcome::Failed => &mut self.failed,
        } += 1;
    }
}

/// `to udp://127.0.0.1:9000`, and what was lost if anything was.
impl fmt::Display for TargetCounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "to {}", self.target)?;
        let losses = [
            (
                self.counts.without_subscriber,
                "while no subscriber was there",
            ),
            (self.counts.dropped, "dropped, the consumer is too slow"),
            (self.counts.too_large, "too large for a datagram"),
            (self.counts.failed, "refused by the system"),
        ];
        for (count, why) in losses.into_iter().filter(|(count, _)| *count > 0) {
            write!(f, "; {count} {why}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_losses_that_happened_are_told() {
        let mut emitted = TargetCounts {
            target: "udp://h:1".into(),
            counts: EmitCounts::default(),
        };
        emitted.counts.count(SendOutcome::Sent);
        assert_eq!(emitted.to_string(), "to udp://h:1");
        emitted.counts.count(SendOutcome::Dropped);
        emitted.counts.count(SendOutcome::TooLarge);
        assert_eq!(
            emitted.to_string(),
            "to udp://h:1; 1 dropped, the consumer is too slow; 1 too large for a datagram"
        );
        let without_subscriber = TargetCounts {
            target: "zmq://h:1".into(),
            counts: EmitCounts {
                without_subscriber: 2,
                ..EmitCounts::default()
            },
        };
        assert_eq!(
            without_subscriber.to_string(),
            "to zmq://h:1; 2 while no subscriber was there"
        );
    }
}
