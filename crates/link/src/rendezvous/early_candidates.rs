use std::collections::VecDeque;

use crate::ice::IceCandidate;

/// Candidates that are kept.
const MAX_EARLY: usize = 64;

/// Candidates that came before the offer they belong to; the oldest are dropped first.
#[derive(Debug, Default)]
pub(super) struct EarlyCandidates(VecDeque<(String, IceCandidate)>);

impl EarlyCandidates {
    pub(super) fn keep(&mut self, client: String, candidate: IceCandidate) {
        if self.0.len() == MAX_EARLY {
            self.0.pop_front();
        }
        self.0.push_back((client, candidate));
    }

    /// Those of `client`, in their order.
    pub(super) fn take(&mut self, client: &str) -> Vec<IceCandidate> {
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
        let candidate = |line: usize| IceCandidate {
            candidate: line.to_string(),
            sdp_mid: None,
            sdp_mline_index: None,
        };
        let mut early = EarlyCandidates::default();
        for line in 0..MAX_EARLY + 2 {
            let client = if line % 2 == 0 { "even" } else { "odd" };
            early.keep(client.to_owned(), candidate(line));
        }
        assert_eq!(early.0.len(), MAX_EARLY);
        let taken = early.take("odd");
        assert_eq!(taken[..2], [candidate(3), candidate(5)]);
        assert_eq!(taken.len(), MAX_EARLY / 2);
        assert!(early.take("odd").is_empty() && early.take("else").is_empty());
        assert_eq!(early.take("even").len(), MAX_EARLY / 2);
    }
}
