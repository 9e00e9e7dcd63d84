use std::collections::VecDeque;

use super::QUEUE;
use crate::signaling::Candidate;

/// Candidates that came before the offer they belong to; the oldest give way.
#[derive(Debug, Default)]
pub(super) struct EarlyCandidates(VecDeque<(String, Candidate)>);

impl EarlyCandidates {
    pub(super) fn keep(&mut self, client: String, candidate: Candidate) {
        if self.0.len() == QUEUE {
            self.0.pop_front();
        }
        self.0.push_back((client, candidate));
    }

    /// Those of `client`, in their order.
    pub(super) fn take(&mut self, client: &str) -> Vec<Candidate> {
        let (taken, kept) = std::mem::take(&mut self.0)
            .into_iter()
            .partition::<VecDeque<_>, _>(|(sender, _)| sender == client);
        self.0 = kept;
        taken.into_iter().map(|(_, candidate)| candidate).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn early_candidates_wait_for_their_offer_and_are_bounded() {
        let candidate = |line: usize| Candidate {
            candidate: line.to_string(),
            sdp_mid: None,
            sdp_mline_index: None,
        };
        let mut early = EarlyCandidates::default();
        for line in 0..QUEUE + 2 {
            let client = if line % 2 == 0 { "even" } else { "odd" };
            early.keep(client.to_owned(), candidate(line));
        }
        assert_eq!(early.0.len(), QUEUE);
        let taken = early.take("odd");
        assert_eq!(taken[..2], [candidate(3), candidate(5)]);
        assert_eq!(taken.len(), QUEUE / 2);
        assert!(early.take("odd").is_empty() && early.take("else").is_empty());
        assert_eq!(early.take("even").len(), QUEUE / 2);
    }
}
