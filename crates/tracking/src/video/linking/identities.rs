//! Identities: the tracks, which take each other's detections over as they are joined.

use std::collections::HashMap;

use super::Linked;
use super::gate::{Gate, distance};

/// Two detections of a frame are one animal where so much of the smaller box is common,
const DUPLICATE_SHARE: f64 = 0.5;
/// or where their middles are this near, as a share of the animals' size.
const DUPLICATE_DISTANCE: f64 = 0.3;

/// The state of all identities.
pub(super) struct LinkedTracks {
    /// In the order of their frames.
    pub(super) detections: Vec<Linked>,
    /// `[detection]`: its identity; `None` where it has none any more.
    pub(super) label: Vec<Option<usize>>,
    /// `[detection]`: the identity that had it before the number of identities was bounded.
    pub(super) owner: Vec<usize>,
    pub(super) all: Vec<LinkedTrack>,
    pub(super) gate: Gate,
    /// Steps without a detection after which a track has two pieces.
    pub(super) track_buffer: f64,
}

/// One identity.
pub(super) struct LinkedTrack {
    /// The number of its track.
    track: u32,
    /// Order of the tracks' names, in which the tenth comes before the second.
    pub(super) rank: usize,
    pub(super) is_alive: bool,
    /// Its detections, in the order of their frames.
    pub(super) members: Vec<usize>,
    /// The steps of the first and of the last one.
    pub(super) first: f64,
    pub(super) last: f64,
    /// Where these are.
    pub(super) start: [f64; 2],
    pub(super) end: [f64; 2],
}

impl LinkedTracks {
    pub(super) fn new(detections: Vec<Linked>, gate: Gate, track_buffer: u32) -> Self {
        let mut numbers = HashMap::new();
        let mut members: Vec<(u32, Vec<usize>)> = Vec::new();
        let mut owner = Vec::with_capacity(detections.len());
        for (index, one) in detections.iter().enumerate() {
            let identity = *numbers.entry(one.track).or_insert_with(|| {
                members.push((one.track, Vec::new()));
                members.len() - 1
            });
            members[identity].1.push(index);
            owner.push(identity);
        }
        let mut by_name: Vec<usize> = (0..members.len()).collect();
        by_name.sort_by_cached_key(|identity| members[*identity].0.to_string());
        let mut ranks = vec![0; members.len()];
        for (rank, identity) in by_name.into_iter().enumerate() {
            ranks[identity] = rank;
        }
        let identity = |((track, members), rank)| LinkedTrack {
            track,
            rank,
            is_alive: true,
            members,
            first: 0.0,
            last: 0.0,
            start: [0.0; 2],
            end: [0.0; 2],
        };
        let all = members.into_iter().zip(ranks).map(identity).collect();
        let mut identities = Self {
            label: owner.iter().copied().map(Some).collect(),
            detections,
            owner,
            all,
            gate,
            track_buffer: f64::from(track_buffer),
        };
        (0..identities.all.len()).for_each(|identity| identities.measure(identity));
        identities
    }

    pub(super) fn alive_count(&self) -> usize {
        self.alive().count()
    }

    /// Those that have not joined another one.
    pub(super) fn alive(&self) -> impl Iterator<Item = usize> {
        (0..self.all.len()).filter(|identity| self.all[*identity].is_alive)
    }

    pub(super) fn step(&self, detection: usize) -> f64 {
        self.detections[detection].step
    }

    /// The distance of two detections.
    pub(super) fn distance(&self, a: usize, b: usize) -> f64 {
        distance(self.detections[a].centroid, self.detections[b].centroid)
    }

    /// Steps and pixels from the end of one identity to the start of another one.
    pub(super) fn junction(&self, earlier: usize, later: usize) -> (f64, f64) {
        let (earlier, later) = (&self.all[earlier], &self.all[later]);
        (
            later.first - earlier.last,
            distance(later.start, earlier.end),
        )
    }

    /// The later one's detections go to the earlier one, which ends before.
    pub(super) fn join(&mut self, earlier: usize, later: usize) {
        let moved = std::mem::take(&mut self.all[later].members);
        self.all[later].is_alive = false;
        for detection in &moved {
            self.label[*detection] = Some(earlier);
            self.owner[*detection] = earlier;
        }
        self.all[earlier].members.extend(moved);
        self.measure(earlier);
    }

    fn measure(&mut self, identity: usize) {
        let one = &mut self.all[identity];
        let (Some(first), Some(last)) = (one.members.first(), one.members.last()) else {
            return;
        };
        let (first, last) = (&self.detections[*first], &self.detections[*last]);
        (one.first, one.last) = (first.step, last.step);
        (one.start, one.end) = (first.centroid, last.centroid);
    }

    /// Whether two detections of a frame show one animal.
    pub(super) fn are_duplicates(&self, a: usize, b: usize) -> bool {
        let [a, b] = [a, b].map(|index| &self.detections[index]);
        let side = |low: f64, high: f64| (high - low).max(0.0);
        let width = side(a.raw[0].max(b.raw[0]), a.raw[2].min(b.raw[2]));
        let height = side(a.raw[1].max(b.raw[1]), a.raw[3].min(b.raw[3]));
        let area = |raw: &[f64; 4]| side(raw[0], raw[2]) * side(raw[1], raw[3]);
        let smaller = area(&a.raw).min(area(&b.raw));
        // A single node has no extent.
        let has_extent = a.is_sized && b.is_sized && smaller > 0.0;
        let covers = has_extent && width * height / smaller >= DUPLICATE_SHARE;
        covers || distance(a.centroid, b.centroid) < DUPLICATE_DISTANCE * self.gate.body
    }

    /// `[detection]`: the number of its track in the end. An identity has that of its first detection, the
    /// earliest one first.
    pub(super) fn final_tracks(&self) -> Vec<Option<u32>> {
        let first = |identity: &usize| self.all[*identity].members.first().copied();
        let mut alive: Vec<usize> = self.alive().filter(|one| first(one).is_some()).collect();
        alive.sort_by_key(first);
        let mut tracks = vec![None; self.all.len()];
        let mut is_used = vec![false; self.all.len()];
        for identity in alive {
            let owner = first(&identity).map_or(identity, |detection| self.owner[detection]);
            let named = if is_used[owner] { identity } else { owner };
            is_used[named] = true;
            tracks[identity] = Some(self.all[named].track);
        }
        let labels = self.label.iter();
        labels.map(|label| tracks[(*label)?]).collect()
    }
}
