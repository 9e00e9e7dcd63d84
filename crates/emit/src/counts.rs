//! What became of the poses.

use std::fmt;

/// Poses of a stream towards one target.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Handed to the system, or published to a subscriber. Whether a datagram was taken UDP cannot
    /// tell.
    pub sent: u64,
    /// Published while no subscriber to poses was there.
    pub unheard: u64,
    /// Given up because there was no room: the system's, or a subscriber's that is too slow. Each
    /// subscriber counts for itself.
    pub dropped: u64,
    /// Larger than a datagram can be.
    pub too_large: u64,
    /// The system refused to send them.
    pub failed: u64,
}

/// A target and what became of the poses for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Emitted {
    /// The target's URL.
    pub target: String,
    pub counts: Counts,
}

/// What became of one message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Sent,
    Unheard,
    Dropped,
    TooLarge,
    Failed,
}

impl Counts {
    pub(crate) fn count(&mut self, outcome: Outcome) {
        *match outcome {
            Outcome::Sent => &mut self.sent,
            Outcome::Unheard => &mut self.unheard,
            Outcome::Dropped => &mut self.dropped,
            Outcome::TooLarge => &mut self.too_large,
            Outcome::Failed => &mut self.failed,
        } += 1;
    }
}

/// `to udp://127.0.0.1:9000`, and what was lost if anything was.
impl fmt::Display for Emitted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "to {}", self.target)?;
        let losses = [
            (self.counts.unheard, "while no subscriber was there"),
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
        let mut emitted = Emitted {
            target: "udp://h:1".into(),
            counts: Counts::default(),
        };
        emitted.counts.count(Outcome::Sent);
        assert_eq!(emitted.to_string(), "to udp://h:1");
        emitted.counts.count(Outcome::Dropped);
        emitted.counts.count(Outcome::TooLarge);
        assert_eq!(
            emitted.to_string(),
            "to udp://h:1; 1 dropped, the consumer is too slow; 1 too large for a datagram"
        );
        let unheard = Emitted {
            target: "zmq://h:1".into(),
            counts: Counts {
                unheard: 2,
                ..Counts::default()
            },
        };
        assert_eq!(
            unheard.to_string(),
            "to zmq://h:1; 2 while no subscriber was there"
        );
    }
}
