//! LinkedTracks that are seen while another one is not.

use super::identities::LinkedTracks;

/// How an identity lies in a gap of another one, its host.
pub(super) struct InGap {
    /// Steps and pixels from the host's detection before it.
    pub(super) before: (f64, f64),
    /// The same to the host's detection after it.
    pub(super) after: (f64, f64),
}

impl LinkedTracks {
    /// How one identity lies in a gap of another one; `None` where it does not.
    pub(super) fn in_gap(&self, host: usize, guest: usize) -> Option<InGap> {
        let (owner, inside) = (&self.all[host], &self.all[guest]);
        let is_within = owner.is_alive
            && inside.is_alive
            && inside.first > owner.first
            && inside.last < owner.last;
        if !is_within {
            return None;
        }
        let step = |detection: &usize| self.step(*detection);
        let from = owner
            .members
            .partition_point(|one| step(one) < inside.first);
        let to = owner
            .members
            .partition_point(|one| step(one) <= inside.last);
        if from != to {
            return None;
        }
        let (previous, next) = (
            *owner.members.get(from.checked_sub(1)?)?,
            *owner.members.get(from)?,
        );
        let (start, end) = (*inside.members.first()?, *inside.members.last()?);
        Some(InGap {
            before: (
                inside.first - self.step(previous),
                self.distance(start, previous),
            ),
            after: (self.step(next) - inside.last, self.distance(next, end)),
        })
    }

    /// The identities that lie in gaps of this one.
    pub(super) fn guests(&self, host: usize) -> impl Iterator<Item = usize> {
        (0..self.all.len()).filter(move |guest| self.in_gap(host, *guest).is_some())
    }

    /// Whether no other identity with one of the two in a gap could take the start of the later or the end of
    /// the earlier one.
    pub(super) fn is_unrivalled(&self, earlier: usize, later: usize, window: f64) -> bool {
        let reaches =
            |(gap, distance): (f64, f64)| gap <= window && self.gate.allows(gap, distance);
        let takes = |host: usize| {
            let start = self.in_gap(host, later).filter(|_| host != earlier);
            let end = self.in_gap(host, earlier).filter(|_| host != later);
            start.is_some_and(|found| reaches(found.before))
                || end.is_some_and(|found| reaches(found.after))
        };
        !(0..self.all.len()).any(takes)
    }
}
