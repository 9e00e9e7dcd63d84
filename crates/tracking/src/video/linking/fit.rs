//! How a piece of a track fits one that stays.

use super::identities::LinkedTracks;

/// Of a piece's detections so many may be in frames in which the other track has one elsewhere.
const MAX_CONFLICT_SHARE: f64 = 0.05;

/// How a piece fits.
#[derive(Debug, Clone)]
pub(super) struct Fit {
    /// The place of the track among those that stay.
    pub(super) anchor: usize,
    /// Order of the tracks' names.
    rank: usize,
    /// The piece's detections in frames in which the track has none.
    pub(super) rest: Vec<usize>,
    /// The piece's and the track's detections in the same frames.
    pub(super) shared: Vec<[usize; 2]>,
    /// Whether detections of the same frame are farther from each other than an animal is long.
    is_far: bool,
    /// Whether an animal can have gone every way between the two.
    is_gated: bool,
    /// How unlikely the unlikeliest of these ways is.
    cost: f64,
    /// Steps of the longest of them.
    gap: f64,
}

/// When a piece is decided on: the smallest first.
#[derive(Debug, Clone, Copy)]
pub(super) struct Priority {
    /// 0: it fits none; 1: it fits one; 2: there is a choice.
    class: u8,
    /// How close the choice is. It is no number where two tracks are equal to each other.
    closeness: f64,
    /// The piece's detections.
    len: usize,
}

impl Priority {
    /// As Python compares tuples: by the first element that differs, and nothing is equal to what is no number.
    #[expect(clippy::float_cmp, reason = "elements that differ at all")]
    pub(super) fn is_less(&self, other: &Self) -> bool {
        if self.class != other.class {
            return self.class < other.class;
        }
        if self.closeness != other.closeness {
            return self.closeness < other.closeness;
        }
        self.len > other.len
    }

    /// The same for two that may be one.
    #[expect(clippy::float_cmp, reason = "elements that differ at all")]
    pub(super) fn differs(&self, other: &Self) -> bool {
        (self.class, self.len) != (other.class, other.len) || self.closeness != other.closeness
    }
}

impl Fit {
    /// How a piece fits the track at this place; `None` where both are seen at the same time.
    pub(super) fn of(
        identities: &LinkedTracks,
        piece: &[usize],
        anchor: usize,
        identity: usize,
    ) -> Option<Self> {
        let track = &identities.all[identity];
        let frame = |one: &usize| identities.detections[*one].frame;
        let (mut rest, mut shared) = (Vec::new(), Vec::new());
        for one in piece {
            let found = track.members.binary_search_by_key(&frame(one), frame);
            match found {
                Ok(at) => shared.push([*one, track.members[at]]),
                Err(_) => rest.push(*one),
            }
        }
        let conflicts = shared
            .iter()
            .filter(|[a, b]| !identities.are_duplicates(*a, *b));
        let conflicts: Vec<_> = conflicts.collect();
        if conflicts.len() as f64 > MAX_CONFLICT_SHARE * piece.len() as f64 {
            return None;
        }
        let is_far = |[a, b]: &&[usize; 2]| identities.distance(*a, *b) >= identities.gate.body;
        let mut fit = Self {
            anchor,
            rank: track.rank,
            is_far: conflicts.into_iter().any(|pair| is_far(&pair)),
            is_gated: true,
            cost: if rest.is_empty() {
                f64::NEG_INFINITY
            } else {
                f64::INFINITY
            },
            gap: 0.0,
            rest,
            shared,
        };
        fit.measure(identities, &track.members);
        Some(fit)
    }

    /// Measures the ways between the piece and the track's detections around it.
    fn measure(&mut self, identities: &LinkedTracks, members: &[usize]) {
        let (Some(first), Some(last)) = (self.rest.first(), self.rest.last()) else {
            return;
        };
        let step = |one: &usize| identities.step(*one);
        let from = members.partition_point(|one| step(one) < step(first));
        let to = members.partition_point(|one| step(one) <= step(last));
        let around = &members[from.saturating_sub(1)..(to + 1).min(members.len())];
        let of_track = around.iter().map(|one| (*one, false));
        let mut all: Vec<_> = of_track
            .chain(self.rest.iter().map(|one| (*one, true)))
            .collect();
        all.sort_by(|a, b| step(&a.0).total_cmp(&step(&b.0)));
        let mut worst = None;
        for pair in all.windows(2) {
            let [(one, from), (other, to)] = [pair[0], pair[1]];
            if from == to {
                continue;
            }
            let gap = step(&other) - step(&one);
            let distance = identities.distance(one, other);
            self.is_gated &= identities.gate.allows(gap, distance);
            self.gap = self.gap.max(gap);
            let cost = identities.gate.cost(gap, distance);
            worst = Some(worst.map_or(cost, |worst: f64| worst.max(cost)));
        }
        self.cost = worst.unwrap_or(f64::INFINITY);
    }

    /// Whether the piece is nowhere but where the track is.
    fn is_duplicate(&self) -> bool {
        self.rest.is_empty()
    }

    /// What two fits differ by first of all.
    fn class(&self) -> (bool, bool, bool) {
        (!self.is_duplicate(), !self.is_gated, self.is_far)
    }

    fn is_better(&self, other: &Self) -> bool {
        (self.is_far.cmp(&other.is_far))
            .then(self.cost.total_cmp(&other.cost))
            .then(self.gap.total_cmp(&other.gap))
            .then(self.rank.cmp(&other.rank))
            .is_lt()
    }
}

/// The best of these fits.
fn best<'a>(fits: impl Iterator<Item = &'a Fit>) -> Option<&'a Fit> {
    fits.reduce(|best, fit| if fit.is_better(best) { fit } else { best })
}

/// The fit that a piece of `len` detections takes: short ones that are too far away fit nowhere.
fn choice<'a>(fits: &[&'a Fit], len: usize, track_buffer: f64) -> Option<&'a Fit> {
    let all = || fits.iter().copied();
    best(all().filter(|fit| fit.is_duplicate()))
        .or_else(|| best(all().filter(|fit| fit.is_gated)))
        .or_else(|| best(all()).filter(|_| len as f64 > track_buffer))
}

/// When a piece is decided on, and how.
pub(super) fn decision(
    fits: &[Option<Fit>],
    len: usize,
    track_buffer: f64,
) -> (Priority, Option<&Fit>) {
    let priority = |class, closeness| Priority {
        class,
        closeness,
        len,
    };
    let possible: Vec<&Fit> = fits.iter().flatten().collect();
    let Some(chosen) = choice(&possible, len, track_buffer) else {
        return (priority(0, 0.0), None);
    };
    let others = possible
        .into_iter()
        .filter(|fit| !std::ptr::eq(*fit, chosen));
    let closeness = match choice(&others.collect::<Vec<_>>(), len, track_buffer) {
        None => return (priority(1, 0.0), Some(chosen)),
        Some(second) if second.class() != chosen.class() => f64::NEG_INFINITY,
        Some(second) => -(second.cost - chosen.cost),
    };
    (priority(2, closeness), Some(chosen))
}
