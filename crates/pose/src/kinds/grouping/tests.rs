use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

#[test]
fn edges_are_taken_breadth_first() {
    for (edges, order) in [
        (&[][..], None),
        (&[[0, 1]][..], Some(vec![0])),
        // Against the edges' own order: the root is 2.
        (&[[1, 0], [2, 1]], Some(vec![1, 0])),
        // Both children first, then the grandchildren.
        (&[[0, 1], [1, 2], [0, 3], [3, 4]], Some(vec![0, 2, 1, 3])),
        // A second parent and an edge that cannot be reached.
        (&[[0, 1], [0, 2], [1, 2], [5, 6]], Some(vec![0, 1])),
        // A node that appears twice below another counts once.
        (&[[0, 1], [0, 1]], Some(vec![0])),
        // Of two roots the one that appears first.
        (&[[3, 1], [0, 1], [1, 2]], Some(vec![0, 2])),
        (&[[0, 1], [1, 0]], None),
        (&[[0, 0]], None),
        (&[[1, 2], [2, 1], [0, 1]], Some(vec![2, 0])),
    ] {
        assert_eq!(breadth_first(edges), order, "{edges:?}");
    }
}

#[test]
fn the_greatest_total_wins_over_the_greatest_single_score() {
    // Source slots 0, 1 to destination slots 0, 1.
    let lines = LineScores {
        values: &[0.9; 4],
        mask: &[true; 4],
        scores: &[0.9, 0.8, 0.7, 0.3],
        candidates: &[true; 4],
        slots: 2,
    };
    let mut grouper = Grouper::new(2, &[[0, 1]], 0.2, 0.25).expect("a root");
    let groups: Vec<_> = grouper.group(&lines).collect();
    assert_eq!(groups[0].slots, [Some(0), Some(1)]);
    assert_eq!(groups[1].slots, [Some(1), Some(0)]);
    assert_eq!((groups[0].score, groups[1].score), (0.8, 0.7));
}

#[test]
fn thresholds_are_strict_for_peaks_and_not_for_lines() {
    let lines = LineScores {
        values: &[0.9, 0.9, 0.2, 0.9],
        mask: &[true; 4],
        scores: &[0.9, 0.25, 0.9, 0.24],
        candidates: &[true; 4],
        slots: 2,
    };
    let mut grouper = Grouper::new(2, &[[0, 1]], 0.2, 0.25).expect("a root");
    // The destination in slot 0 is no better than the threshold; the other has lines of 0.25 and
    // 0.24.
    let groups: Vec<_> = grouper.group(&lines).collect();
    assert_eq!(groups.len(), 1);
    assert_eq!(groups[0].slots, [Some(0), Some(1)]);
}

/// sleap-nn's rules literally, on sets: slow, and with the cases that a tree never has.
fn slowly(
    nodes: usize,
    edges: &[[u32; 2]],
    thresholds: [f32; 2],
    lines: &LineScores<'_>,
) -> Vec<(Vec<Option<usize>>, f32)> {
    let edges: Vec<_> = edges.iter().map(|edge| edge.map(|n| n as usize)).collect();
    let Some(order) = breadth_first(&edges) else {
        return Vec::new();
    };
    let mut assigned: BTreeMap<(usize, usize), usize> = BTreeMap::new();
    let mut connections = Vec::new();
    for edge in order {
        let [from, to] = edges[edge];
        for (source, destination, score) in best_matches(edge, [from, to], thresholds, lines) {
            let (source, destination) = ((from, source), (to, destination));
            connections.push((source, score));
            match (assigned.get(&source), assigned.get(&destination).copied()) {
                (None, None) => {
                    let new = assigned.values().max().map_or(0, |last| last + 1);
                    assigned.insert(source, new);
                    assigned.insert(destination, new);
                }
                (Some(&id), None) => {
                    assigned.insert(destination, id);
                }
                (Some(&id), Some(other)) => {
                    assigned.insert(destination, id);
                    let nodes_of = |id: usize| -> BTreeSet<usize> {
                        let of = assigned.iter().filter(|&(_, &owner)| owner == id);
                        of.map(|(&(node, _), _)| node).collect()
                    };
                    if nodes_of(id).is_disjoint(&nodes_of(other)) {
                        let others = assigned.values_mut().filter(|owner| **owner == other);
                        others.for_each(|owner| *owner = id);
                    }
                }
                (None, Some(_)) => {}
            }
        }
    }
    let ids: BTreeSet<_> = assigned.values().copied().collect();
    let group = |id: usize| {
        let mut slots = vec![None; nodes];
        let of = assigned.iter().filter(|&(_, &owner)| owner == id);
        of.for_each(|(&(node, slot), _)| slots[node] = Some(slot));
        let own = connections
            .iter()
            .filter(|(source, _)| assigned.get(source) == Some(&id));
        (slots, own.map(|(_, score)| score).sum())
    };
    ids.into_iter().map(group).collect()
}

/// The one-to-one matches of an edge with the greatest total score, by trying all; by source.
fn best_matches(
    edge: usize,
    [from, to]: [usize; 2],
    [peak_threshold, min_line_score]: [f32; 2],
    lines: &LineScores<'_>,
) -> Vec<(usize, usize, f32)> {
    let k = lines.slots;
    let is_peak = |at: usize| lines.mask[at] && lines.values[at] > peak_threshold;
    let sources: Vec<_> = (0..k).filter(|slot| is_peak(from * k + slot)).collect();
    let destinations: Vec<_> = (0..k).filter(|slot| is_peak(to * k + slot)).collect();
    let mut all = vec![Vec::new()];
    for &source in &sources {
        let mut longer = all.clone();
        for matches in &all {
            for &destination in &destinations {
                if matches.iter().all(|&(_, taken, _)| taken != destination) {
                    let score = lines.scores[(edge * k + source) * k + destination];
                    let mut matches: Vec<(usize, usize, f32)> = matches.clone();
                    matches.push((source, destination, score));
                    longer.push(matches);
                }
            }
        }
        all = longer;
    }
    let most = sources.len().min(destinations.len());
    let total = |matches: &Vec<(usize, usize, f32)>| -> f64 {
        matches.iter().map(|&(_, _, score)| f64::from(score)).sum()
    };
    let complete = all.into_iter().filter(|matches| matches.len() == most);
    let mut best = complete
        .max_by(|a, b| total(a).total_cmp(&total(b)))
        .unwrap_or_default();
    best.retain(|&(_, _, score)| score >= min_line_score);
    best
}

#[derive(Debug)]
struct Frame {
    nodes: usize,
    slots: usize,
    edges: Vec<[u32; 2]>,
    values: Vec<f32>,
    mask: Vec<bool>,
    scores: Vec<f32>,
}

fn frame() -> impl Strategy<Value = Frame> {
    (2..7_usize, 1..5_usize, 1..8_usize).prop_flat_map(|(nodes, slots, edges)| {
        let node = 0..nodes as u32;
        (
            prop::collection::vec(prop::array::uniform2(node), edges),
            prop::collection::vec(0.0..1.0_f32, nodes * slots),
            prop::collection::vec(prop::bool::weighted(0.7), nodes * slots),
            prop::collection::vec(-1.0..1.0_f32, edges * slots * slots),
        )
            .prop_map(move |(edges, values, mask, scores)| Frame {
                nodes,
                slots,
                edges,
                values,
                mask,
                scores,
            })
    })
}

proptest! {
    #[test]
    fn fast_and_slow_grouping_agree(frames in prop::collection::vec(frame(), 1..4)) {
        for frame in frames {
            let k = frame.slots;
            let candidate = |at: usize| {
                let (edge, line) = (at / (k * k), at % (k * k));
                let [from, to] = frame.edges[edge].map(|n| n as usize);
                frame.mask[from * k + line / k] && frame.mask[to * k + line % k]
            };
            let candidates: Vec<_> = (0..frame.scores.len()).map(candidate).collect();
            let lines = LineScores {
                values: &frame.values,
                mask: &frame.mask,
                scores: &frame.scores,
                candidates: &candidates,
                slots: k,
            };
            let thresholds = [0.2, -0.25];
            let slow = slowly(frame.nodes, &frame.edges, thresholds, &lines);
            let [peak, line] = thresholds;
            let Some(mut fast) = Grouper::new(frame.nodes, &frame.edges, peak, line) else {
                prop_assert!(slow.is_empty());
                continue;
            };
            // The second time with used buffers.
            for _ in 0..2 {
                let groups: Vec<_> = fast.group(&lines).collect();
                prop_assert_eq!(groups.len(), slow.len());
                for (group, (slots, score)) in groups.iter().zip(&slow) {
                    prop_assert_eq!(group.slots, &slots[..]);
                    prop_assert!((group.score - score).abs() < 1e-5);
                }
            }
        }
    }
}
