//! Tracks that may go on with another one, and which of them clearly do.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::identities::LinkedTracks;

/// Tracks are joined over a gap of so many times the steps after which a track ends.
const WINDOW_BUFFERS: f64 = 4.0;
/// Followers of a track that are looked at.
const MAX_FOLLOWERS: usize = 256;

/// An identity that ends, and a later one that may go on with it.
type Pair = (usize, usize);

/// All such pairs.
pub(super) struct TrackPairs {
    /// By the earlier identity.
    all: BTreeMap<Pair, State>,
    /// The same with the later one in front.
    by_later: BTreeSet<Pair>,
    /// Steps.
    window: f64,
}

struct State {
    gap: f64,
    /// Whether no other identity comes into question; `None` until that was looked at.
    is_unrivalled: Option<bool>,
}

/// What a choice is made from.
struct Choice {
    /// The pairs that come into question.
    pairs: Vec<Pair>,
    /// `[identity]`: where the first of its followers ends.
    first_end: Vec<f64>,
    /// `[identity]`: where the last of those before it starts.
    last_start: Vec<f64>,
}

impl Choice {
    fn new(identities: &LinkedTracks, pairs: Vec<Pair>) -> Self {
        let count = identities.all.len();
        let mut first_end = vec![f64::INFINITY; count];
        let mut last_start = vec![f64::NEG_INFINITY; count];
        for (earlier, later) in &pairs {
            first_end[*earlier] = first_end[*earlier].min(identities.all[*later].last);
            last_start[*later] = last_start[*later].max(identities.all[*earlier].first);
        }
        Self {
            pairs,
            first_end,
            last_start,
        }
    }

    /// Whether the later one begins before another follower has ended.
    fn is_next(&self, identities: &LinkedTracks, (earlier, later): Pair) -> bool {
        identities.all[later].first <= self.first_end[earlier]
    }

    /// Whether the earlier one ends after another one before the later has begun.
    fn is_previous(&self, identities: &LinkedTracks, (earlier, later): Pair) -> bool {
        identities.all[earlier].last >= self.last_start[later]
    }

    /// Whether no other identity of the pairs lies between the two.
    fn is_at_front(&self, identities: &LinkedTracks, pair: Pair) -> bool {
        self.is_next(identities, pair) && self.is_previous(identities, pair)
    }
}

impl TrackPairs {
    pub(super) fn new(identities: &LinkedTracks) -> Self {
        let mut pairs = Self {
            all: BTreeMap::new(),
            by_later: BTreeSet::new(),
            window: WINDOW_BUFFERS * identities.track_buffer,
        };
        let first = |identity: usize| identities.all[identity].first;
        let mut order: Vec<usize> = identities.alive().collect();
        order.sort_by(|a, b| first(*a).total_cmp(&first(*b)));
        for earlier in identities.alive() {
            let last = identities.all[earlier].last;
            let from = order.partition_point(|one| first(*one) <= last);
            let to = order.partition_point(|one| first(*one) <= last + pairs.window);
            for later in order[from..to].iter().take(MAX_FOLLOWERS) {
                pairs.add(identities, (earlier, *later));
            }
        }
        pairs
    }

    /// Adds a pair, where the later one begins after the earlier one and near enough.
    fn add(&mut self, identities: &LinkedTracks, pair: Pair) {
        let (earlier, later) = pair;
        let (gap, distance) = identities.junction(earlier, later);
        let both = [earlier, later].map(|identity| identities.all[identity].is_alive);
        if both == [true; 2] && gap > 0.0 && identities.gate.allows(gap, distance) {
            let is_unrivalled = None;
            self.all.insert(pair, State { gap, is_unrivalled });
            self.by_later.insert((later, earlier));
        }
    }

    fn followers(&self, earlier: usize) -> impl Iterator<Item = usize> {
        let range = self.all.range((earlier, 0)..=(earlier, usize::MAX));
        range.map(|((_, later), _)| *later)
    }

    fn predecessors(&self, later: usize) -> impl Iterator<Item = usize> {
        let range = self.by_later.range((later, 0)..=(later, usize::MAX));
        range.map(|(_, earlier)| *earlier)
    }

    /// The pairs of which each identity is the only one that comes next for the other.
    fn unique(&self, identities: &LinkedTracks) -> Vec<Pair> {
        let in_window = self
            .all
            .iter()
            .filter(|(_, state)| state.gap <= self.window);
        let all = Choice::new(identities, in_window.map(|(pair, _)| *pair).collect());
        let count = identities.all.len();
        let (mut next, mut previous) = (vec![0_usize; count], vec![0_usize; count]);
        for pair in &all.pairs {
            next[pair.0] += usize::from(all.is_next(identities, *pair));
            previous[pair.1] += usize::from(all.is_previous(identities, *pair));
        }
        let is_unique = |pair: &Pair| {
            all.is_at_front(identities, *pair) && next[pair.0] == 1 && previous[pair.1] == 1
        };
        all.pairs.iter().copied().filter(is_unique).collect()
    }

    /// The pair that is joined next; `None` where no further one clearly belongs together.
    pub(super) fn best(&mut self, identities: &LinkedTracks) -> Option<Pair> {
        let mut choice = Choice::new(identities, self.unique(identities));
        let mut pairs = std::mem::take(&mut choice.pairs);
        pairs.sort_by(|a, b| self.order(identities, *a, *b));
        let at_front = |pair: &&Pair| choice.is_at_front(identities, **pair);
        if let Some(pair) = pairs
            .iter()
            .filter(at_front)
            .find(|pair| self.accepts(identities, **pair))
        {
            return Some(*pair);
        }
        // What lies between may be passed over where it goes on with neither.
        let is_open: BTreeSet<Pair> = pairs.iter().copied().collect();
        let behind = pairs
            .iter()
            .filter(|pair| !choice.is_at_front(identities, **pair));
        for pair in behind {
            if !self.accepts(identities, *pair) {
                continue;
            }
            let mut between = self.between(identities, *pair).into_iter();
            if !between.any(|one| is_open.contains(&one) && self.accepts(identities, one)) {
                return Some(*pair);
            }
        }
        None
    }

    /// The smallest gap first.
    fn order(&self, identities: &LinkedTracks, a: Pair, b: Pair) -> Ordering {
        let gap = |pair: Pair| self.all.get(&pair).map_or(f64::INFINITY, |state| state.gap);
        let [one, other] = [a, b].map(|pair| (&identities.all[pair.0], &identities.all[pair.1]));
        (gap(a).total_cmp(&gap(b)))
            .then(one.1.first.total_cmp(&other.1.first))
            .then(one.0.rank.cmp(&other.0.rank))
            .then(one.1.rank.cmp(&other.1.rank))
    }

    fn accepts(&mut self, identities: &LinkedTracks, pair: Pair) -> bool {
        let window = self.window;
        let Some(state) = self.all.get_mut(&pair) else {
            return false;
        };
        let look = || identities.is_unrivalled(pair.0, pair.1, window);
        *state.is_unrivalled.get_or_insert_with(look)
    }

    /// The pairs of these identities that end before the later or begin after the earlier one.
    fn between(&self, identities: &LinkedTracks, (earlier, later): Pair) -> Vec<Pair> {
        let (from, to) = (&identities.all[earlier], &identities.all[later]);
        let ends_before = |one: &usize| identities.all[*one].last < to.first;
        let begins_after = |one: &usize| identities.all[*one].first > from.last;
        let next = self.followers(earlier).filter(ends_before);
        let previous = self.predecessors(later).filter(begins_after);
        next.map(|one| (earlier, one))
            .chain(previous.map(|one| (one, later)))
            .collect()
    }

    /// Notes the identities whose pairs depend on this one.
    fn note_neighbors(
        &self,
        identities: &LinkedTracks,
        identity: usize,
        near: &mut BTreeSet<usize>,
    ) {
        near.insert(identity);
        near.extend(self.predecessors(identity));
        near.extend(self.followers(identity));
        near.extend(identities.guests(identity));
    }

    /// Joins the later identity to the earlier one.
    pub(super) fn merge(&mut self, identities: &mut LinkedTracks, earlier: usize, later: usize) {
        let both = [earlier, later];
        let mut near = BTreeSet::new();
        for identity in both {
            self.note_neighbors(identities, identity, &mut near);
        }
        let others = |all: Vec<usize>| all.into_iter().filter(|one| !both.contains(one)).collect();
        let next: BTreeSet<usize> =
            others(both.iter().flat_map(|one| self.followers(*one)).collect());
        let previous: BTreeSet<usize> = others(
            both.iter()
                .flat_map(|one| self.predecessors(*one))
                .collect(),
        );
        self.all
            .retain(|pair, _| !both.contains(&pair.0) && !both.contains(&pair.1));
        self.by_later
            .retain(|pair| !both.contains(&pair.0) && !both.contains(&pair.1));
        identities.join(earlier, later);
        for one in next {
            self.add(identities, (earlier, one));
        }
        for one in previous {
            self.add(identities, (one, earlier));
        }
        self.note_neighbors(identities, earlier, &mut near);
        for (pair, state) in &mut self.all {
            if near.contains(&pair.0) || near.contains(&pair.1) {
                state.is_unrivalled = None;
            }
        }
    }
}
