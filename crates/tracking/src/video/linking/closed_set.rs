//! A known number of animals: so many tracks stay, and the pieces of all others join them.

use super::anchors::anchors;
use super::fit::{Fit, Priority, decision};
use super::heap::Heap;
use super::identities::LinkedTracks;

/// Scores count as different above this.
const SCORE_STEP: f64 = 1e-9;

/// The tracks that stay, and the pieces that are to join them.
pub(super) struct ClosedSet<'a> {
    identities: &'a mut LinkedTracks,
    anchors: Vec<usize>,
    /// `[anchor]`: how often a piece has joined it.
    versions: Vec<u32>,
    pieces: Vec<Piece>,
    waiting: Heap<Waiting>,
}

/// Detections of a track without a long gap.
struct Piece {
    detections: Vec<usize>,
    /// The steps of the first and the last one.
    first: f64,
    last: f64,
    /// `[anchor]`: how it fits.
    fits: Vec<Option<Fit>>,
    /// `[anchor]`: the version that this is of.
    seen: Vec<u32>,
    /// How often it has been queued.
    queued: u32,
    is_done: bool,
}

/// A piece that waits for its turn.
struct Waiting {
    priority: Priority,
    first: f64,
    piece: usize,
    queued: u32,
}

impl Waiting {
    fn is_less(&self, other: &Self) -> bool {
        if self.priority.differs(&other.priority) {
            return self.priority.is_less(&other.priority);
        }
        let key = |one: &Self| (one.piece, one.queued);
        (self.first.total_cmp(&other.first))
            .then(key(self).cmp(&key(other)))
            .is_lt()
    }
}

impl<'a> ClosedSet<'a> {
    pub(super) fn new(identities: &'a mut LinkedTracks, count: usize) -> Self {
        for (owner, label) in identities.owner.iter_mut().zip(&identities.label) {
            *owner = label.unwrap_or(*owner);
        }
        let anchors = anchors(identities, count);
        let others = identities.alive().filter(|one| !anchors.contains(one));
        let pieces = others
            .flat_map(|one| tracklets(identities, one))
            .map(|detections| Piece::new(identities, &anchors, detections))
            .collect();
        Self {
            versions: vec![0; anchors.len()],
            anchors,
            pieces,
            identities,
            waiting: Heap::new(Waiting::is_less),
        }
    }

    /// Lets every piece join the track that it fits best, or none.
    pub(super) fn close(mut self) {
        (0..self.pieces.len()).for_each(|piece| self.queue(piece));
        while let Some(next) = self.waiting.pop() {
            let piece = &self.pieces[next.piece];
            if piece.is_done || piece.queued != next.queued || self.was_put_off(&next) {
                continue;
            }
            self.decide(next.piece);
        }
        for identity in 0..self.identities.all.len() {
            if !self.anchors.contains(&identity) {
                self.identities.all[identity].is_alive = false;
                self.identities.all[identity].members.clear();
            }
        }
    }

    fn queue(&mut self, index: usize) {
        let track_buffer = self.identities.track_buffer;
        let piece = &mut self.pieces[index];
        piece.queued += 1;
        let waiting = Waiting {
            priority: piece.decision(track_buffer).0,
            first: piece.first,
            piece: index,
            queued: piece.queued,
        };
        self.waiting.push(waiting);
    }

    /// Looks again at how a piece fits the tracks that have changed; queues it again where its turn comes later
    /// by that.
    fn was_put_off(&mut self, next: &Waiting) -> bool {
        let mut has_changed = false;
        for anchor in 0..self.anchors.len() {
            if self.pieces[next.piece].seen[anchor] != self.versions[anchor] {
                self.fit_again(next.piece, anchor);
                has_changed = true;
            }
        }
        let track_buffer = self.identities.track_buffer;
        let now = self.pieces[next.piece].decision(track_buffer).0;
        let is_later = has_changed && next.priority.is_less(&now);
        if is_later {
            self.queue(next.piece);
        }
        is_later
    }

    fn fit_again(&mut self, piece: usize, anchor: usize) {
        let piece = &mut self.pieces[piece];
        let identity = self.anchors[anchor];
        piece.fits[anchor] = Fit::of(self.identities, &piece.detections, anchor, identity);
        piece.seen[anchor] = self.versions[anchor];
    }

    fn decide(&mut self, index: usize) {
        let track_buffer = self.identities.track_buffer;
        let piece = &mut self.pieces[index];
        piece.is_done = true;
        let (first, last) = (piece.first, piece.last);
        let Some(fit) = piece.decision(track_buffer).1.cloned() else {
            for detection in &piece.detections {
                self.identities.label[*detection] = None;
            }
            return;
        };
        self.take_in(&fit);
        self.versions[fit.anchor] += 1;
        let reach = track_buffer.max(1.0);
        for near in 0..self.pieces.len() {
            let piece = &self.pieces[near];
            if !piece.is_done && piece.last >= first - reach && piece.first <= last + reach {
                self.fit_again(near, fit.anchor);
                self.queue(near);
            }
        }
    }

    /// Gives a piece's detections to a track. Of two in a frame the one with the better score stays.
    fn take_in(&mut self, fit: &Fit) {
        let identity = self.anchors[fit.anchor];
        let mut joined = fit.rest.clone();
        let mut left_out = Vec::new();
        for [its, present] in &fit.shared {
            let score = |one: usize| self.identities.detections[one].score;
            let takes = score(*its) > score(*present) + SCORE_STEP;
            let (stays, goes) = if takes {
                (its, present)
            } else {
                (present, its)
            };
            self.identities.label[*goes] = None;
            if takes {
                joined.push(*stays);
                left_out.push(*goes);
            }
        }
        for one in &joined {
            self.identities.label[*one] = Some(identity);
        }
        let members = &mut self.identities.all[identity].members;
        members.retain(|one| !left_out.contains(one));
        members.extend(joined);
        members.sort_unstable();
    }
}

impl Piece {
    fn new(identities: &LinkedTracks, anchors: &[usize], detections: Vec<usize>) -> Self {
        let step = |one: Option<&usize>| one.map_or(0.0, |one| identities.step(*one));
        let fit = |(at, anchor): (usize, &usize)| Fit::of(identities, &detections, at, *anchor);
        Self {
            first: step(detections.first()),
            last: step(detections.last()),
            fits: anchors.iter().enumerate().map(fit).collect(),
            seen: vec![0; anchors.len()],
            queued: 0,
            is_done: false,
            detections,
        }
    }

    fn decision(&self, track_buffer: f64) -> (Priority, Option<&Fit>) {
        decision(&self.fits, self.detections.len(), track_buffer)
    }
}

/// The pieces of an identity, which are apart by more steps than a track lives without a detection.
fn tracklets(identities: &LinkedTracks, identity: usize) -> Vec<Vec<usize>> {
    let apart =
        |a: &usize, b: &usize| identities.step(*b) - identities.step(*a) > identities.track_buffer;
    let members = &identities.all[identity].members;
    let pieces = members.chunk_by(|a, b| !apart(a, b));
    pieces.map(<[usize]>::to_vec).collect()
}
