//! The tracks that stay where the number of animals is known.

use super::identities::LinkedTracks;

/// The identities that best stand for so many animals: those with the most detections in the frame in which the
/// most of them are seen together.
pub(super) fn anchors(identities: &LinkedTracks, count: usize) -> Vec<usize> {
    let support = |identity: usize| identities.all[identity].members.len();
    let order = |a: &usize, b: &usize| {
        (support(*b).cmp(&support(*a))).then(identities.all[*a].rank.cmp(&identities.all[*b].rank))
    };
    let mut best: Option<(usize, usize, Vec<usize>)> = None;
    for frame in frames(identities) {
        let mut present = present(identities, frame, &order);
        present.sort_by(&order);
        present.truncate(count);
        let total = present.iter().map(|identity| support(*identity)).sum();
        let known = best
            .as_ref()
            .map_or((0, 0), |(len, total, _)| (*len, *total));
        if (present.len(), total) > known {
            best = Some((present.len(), total, present));
        }
    }
    let mut anchors = best.map(|(_, _, present)| present).unwrap_or_default();
    let mut rest: Vec<usize> = identities
        .alive()
        .filter(|one| !anchors.contains(one))
        .collect();
    rest.sort_by(order);
    let missing = count.saturating_sub(anchors.len());
    anchors.extend(rest.into_iter().take(missing));
    anchors
}

/// The detections of each frame: from, to.
fn frames(identities: &LinkedTracks) -> impl Iterator<Item = std::ops::Range<usize>> {
    let all = &identities.detections;
    let mut from = 0;
    std::iter::from_fn(move || {
        let frame = all.get(from)?.frame;
        let count = all[from..]
            .iter()
            .take_while(|one| one.frame == frame)
            .count();
        from += count;
        Some(from - count..from)
    })
}

/// The identities that are seen in a frame. Of two that show one animal the one with more detections counts.
fn present(
    identities: &LinkedTracks,
    frame: std::ops::Range<usize>,
    order: &dyn Fn(&usize, &usize) -> std::cmp::Ordering,
) -> Vec<usize> {
    let label = |one: usize| identities.label[one];
    let is_shadowed = |one: usize| {
        let mut others = frame.clone().filter(|other| *other != one);
        others.any(|other| match (label(one), label(other)) {
            (Some(mine), Some(its)) if mine != its => {
                order(&its, &mine).is_lt() && identities.are_duplicates(one, other)
            }
            _ => false,
        })
    };
    frame
        .clone()
        .filter(|one| !is_shadowed(*one))
        .filter_map(label)
        .collect()
}
