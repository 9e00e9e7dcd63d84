//! Grouping of bottom-up peaks into animals by the scores of the lines between them.
//!
//! As sleap-nn does it: for each edge the candidates are matched one to one at the greatest total
//! score; matches with a low score are dropped; then the edges are taken breadth-first from the
//! root, and each match adds its destination to its source's animal or founds a new animal.
//!
//! sleap-nn has rules for matches between two animals as well. They never apply: breadth-first
//! edges form a tree, so the edge into a node comes before all edges out of it and is the only
//! one, and a destination has no animal yet when its match comes. The tests hold the full rules
//! beside this.

use assignment::Assignment;

/// One frame's peaks and line scores.
#[derive(Clone, Copy, Debug)]
pub(super) struct LineScores<'a> {
    /// `[N, k]`: the peak's value.
    pub(super) values: &'a [f32],
    /// `[N, k]`: whether there is a peak in the slot.
    pub(super) mask: &'a [bool],
    /// `[E, k, k]`: from slot i of the source to slot j of the destination at `i * k + j`.
    pub(super) scores: &'a [f32],
    /// `[E, k, k]`: whether there is a score.
    pub(super) candidates: &'a [bool],
    /// k, the peaks a node.
    pub(super) slots: usize,
}

/// An animal.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct PeakGroup<'a> {
    /// `[N]`: the slot of each node's peak.
    pub(super) slots: &'a [Option<usize>],
    /// The sum of its lines' scores.
    pub(super) score: f32,
}

/// Groups peaks; its buffers are kept between frames.
#[derive(Debug)]
pub(super) struct Grouper {
    nodes: usize,
    edges: Vec<[usize; 2]>,
    /// Indices of the edges that count, breadth-first.
    order: Vec<usize>,
    /// Peaks must exceed this.
    peak_threshold: f32,
    /// Lines must reach this.
    min_line_score: f32,
    assignment: Assignment,
    sources: Vec<usize>,
    destinations: Vec<usize>,
    costs: Vec<f64>,
    /// `[N, k]`: the animal of each peak.
    owners: Vec<Option<usize>>,
    /// `[animals, N]`: the slot of each node's peak.
    members: Vec<Option<usize>>,
    scores: Vec<f32>,
}

impl Grouper {
    /// For a skeleton of `nodes` nodes; none if its edges have no root to begin with.
    pub(super) fn new(
        nodes: usize,
        edges: &[[u32; 2]],
        peak_threshold: f32,
        min_line_score: f32,
    ) -> Option<Self> {
        let edges: Vec<_> = edges.iter().map(|edge| edge.map(|n| n as usize)).collect();
        Some(Self {
            nodes,
            order: breadth_first(&edges)?,
            edges,
            peak_threshold,
            min_line_score,
            assignment: Assignment::default(),
            sources: Vec::new(),
            destinations: Vec::new(),
            costs: Vec::new(),
            owners: Vec::new(),
            members: Vec::new(),
            scores: Vec::new(),
        })
    }

    /// E.
    pub(super) fn edges(&self) -> usize {
        self.edges.len()
    }

    /// The animals of a frame, in the order in which they were begun.
    pub(super) fn group(&mut self, lines: &LineScores<'_>) -> impl Iterator<Item = PeakGroup<'_>> {
        self.owners.clear();
        self.owners.resize(self.nodes * lines.slots, None);
        self.members.clear();
        self.scores.clear();
        for index in 0..self.order.len() {
            self.add_edge(self.order[index], lines);
        }
        let members = self.members.chunks_exact(self.nodes);
        members
            .zip(&self.scores)
            .map(|(slots, &score)| PeakGroup { slots, score })
    }

    /// Matches the peaks of an edge and adds the matches to the animals.
    fn add_edge(&mut self, edge: usize, lines: &LineScores<'_>) {
        let [source_node, destination_node] = self.edges[edge];
        let k = lines.slots;
        let threshold = self.peak_threshold;
        let peaks = |node: usize| {
            let filled = move |slot: &usize| {
                let at = node * k + slot;
                lines.mask[at] && lines.values[at] > threshold
            };
            (0..k).filter(filled)
        };
        self.sources.clear();
        self.sources.extend(peaks(source_node));
        self.destinations.clear();
        self.destinations.extend(peaks(destination_node));

        let line = |source: usize, destination: usize| (edge * k + source) * k + destination;
        self.costs.clear();
        for &source in &self.sources {
            let cost = |&destination: &usize| {
                let at = line(source, destination);
                if lines.candidates[at] {
                    -f64::from(lines.scores[at])
                } else {
                    f64::INFINITY
                }
            };
            self.costs.extend(self.destinations.iter().map(cost));
        }
        let (rows, columns) = (self.sources.len(), self.destinations.len());
        let pairs = self.assignment.solve(&self.costs, rows, columns);
        for (&source, pair) in self.sources.iter().zip(pairs) {
            let Some(column) = *pair else { continue };
            let destination = self.destinations[column];
            let score = lines.scores[line(source, destination)];
            if score < self.min_line_score {
                continue;
            }
            let owner = &mut self.owners[source_node * k + source];
            let animal = *owner.get_or_insert_with(|| {
                self.members.resize(self.members.len() + self.nodes, None);
                self.scores.push(0.0);
                self.scores.len() - 1
            });
            self.owners[destination_node * k + destination] = Some(animal);
            let members = &mut self.members[animal * self.nodes..][..self.nodes];
            members[source_node] = Some(source);
            members[destination_node] = Some(destination);
            self.scores[animal] += score;
        }
    }
}

/// The edges breadth-first from the root, which is the first node that appears without a parent;
/// among a node's children in the edges' order. Edges that cannot be reached, or that lead to a
/// node for the second time, are left out. None if every node has a parent, or there is no edge.
fn breadth_first(edges: &[[usize; 2]]) -> Option<Vec<usize>> {
    let has_parent = |node: usize| edges.iter().any(|edge| edge[1] == node);
    let root = edges.iter().flatten().find(|&&node| !has_parent(node))?;
    let mut queue = vec![*root];
    let mut order = Vec::new();
    let mut next = 0;
    while let Some(&parent) = queue.get(next) {
        next += 1;
        for (index, &[source, destination]) in edges.iter().enumerate() {
            if source == parent && !queue.contains(&destination) {
                queue.push(destination);
                order.push(index);
            }
        }
    }
    Some(order)
}

#[cfg(test)]
mod tests;
