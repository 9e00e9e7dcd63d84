//! Poses carried on to the moment at which they are used, and smoothed ones.

mod animals;
mod filter;
mod node;
mod one_euro;
mod turn;

use animals::AnimalMap;
use node::NodeTrack;
use one_euro::OneEuroNode;
pub use one_euro::OneEuroOptions;
use turn::TurnRate;

/// How far poses are carried on at most, seconds.
pub const MAX_AHEAD_S: f64 = 1.0;

/// For how long a node that is not seen is bridged, seconds.
pub const MAX_BRIDGE_S: f64 = 0.3;

/// `[node]`: x and y in pixels; NaN where the node is not visible.
pub type Nodes = Vec<[f64; 2]>;

/// Instances that were computed from those of a frame.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DerivedInstances {
    /// `[instance][node]`: x and y in pixels; `None` where the node is neither visible nor bridged.
    pub points: Vec<Vec<Option<[f64; 2]>>>,
    /// `[instance][node]`: standard deviation of x and of y, pixels; empty for smoothed poses.
    pub sd: Vec<Vec<Option<f64>>>,
    /// `[instance][node]`: the node is not visible in this frame.
    pub bridged: Vec<Vec<bool>>,
}

/// Carries poses on to the moment of their use, with a Kalman filter for each node of each animal.
#[derive(Debug, Default)]
pub struct PosePredictor {
    animals: AnimalMap<PredictedAnimal>,
}

#[derive(Debug, Default)]
struct PredictedAnimal {
    nodes: Vec<NodeTrack>,
    turn: TurnRate,
}

impl PosePredictor {
    /// Takes the instances of a frame, captured at `time_s`, and carries each on by `by_s` seconds. `keys`:
    /// which animal each is; one without a key is carried on by nothing.
    ///
    /// Frames come in the order of their capture. Where the clock was set, the animals are forgotten.
    pub fn frame(
        &mut self,
        time_s: f64,
        keys: &[Option<String>],
        instances: &[Nodes],
        by_s: f64,
    ) -> DerivedInstances {
        let by_s = if by_s.is_finite() { by_s } else { 0.0 };
        let by_s = by_s.clamp(0.0, MAX_AHEAD_S);
        self.animals.begin(time_s);
        let mut derived = DerivedInstances::default();
        for (instance, points) in instances.iter().enumerate() {
            let key = keys.get(instance).and_then(Option::as_deref);
            let animal = key.and_then(|key| self.animals.get(key));
            let Some(animal) = animal else {
                derived.push_as_it_is(points, true);
                continue;
            };
            animal.nodes.resize_with(points.len(), NodeTrack::default);
            let rate = animal.turn.rate();
            for (node, point) in animal.nodes.iter_mut().zip(points) {
                node.frame(time_s, *point, rate, &mut animal.turn);
            }
            animal.turn.settle();
            let rate = animal.turn.rate();
            let ahead = animal
                .nodes
                .iter()
                .map(|node| node.ahead(time_s, by_s, rate));
            derived.push(ahead);
        }
        derived
    }
}

/// Smooths poses with a One-Euro filter for each node of each animal (Casiez et al. 2012).
#[derive(Debug)]
pub struct PoseSmoother {
    options: OneEuroOptions,
    animals: AnimalMap<Vec<OneEuroNode>>,
}

impl PoseSmoother {
    /// A smoother that has seen nothing.
    pub fn new(options: OneEuroOptions) -> Self {
        Self {
            options,
            animals: AnimalMap::default(),
        }
    }

    /// Takes the instances of a frame, captured at `time_s`, and smooths each. See [`PosePredictor::frame`].
    pub fn frame(
        &mut self,
        time_s: f64,
        keys: &[Option<String>],
        instances: &[Nodes],
    ) -> DerivedInstances {
        self.animals.begin(time_s);
        let mut derived = DerivedInstances::default();
        for (instance, points) in instances.iter().enumerate() {
            let key = keys.get(instance).and_then(Option::as_deref);
            let Some(nodes) = key.and_then(|key| self.animals.get(key)) else {
                derived.push_as_it_is(points, false);
                continue;
            };
            nodes.resize_with(points.len(), OneEuroNode::default);
            let options = &self.options;
            let smoothed = nodes
                .iter_mut()
                .zip(points)
                .map(|(node, point)| node.frame(options, time_s, *point));
            derived.push(smoothed.map(|value| {
                value.map(|(point, is_bridged)| DerivedNode {
                    point,
                    sd: None,
                    is_bridged,
                })
            }));
        }
        derived.sd.clear();
        derived
    }
}

/// A node that was computed.
#[derive(Debug, Clone, Copy)]
struct DerivedNode {
    point: [f64; 2],
    sd: Option<f64>,
    is_bridged: bool,
}

impl DerivedInstances {
    fn push(&mut self, nodes: impl Iterator<Item = Option<DerivedNode>>) {
        let nodes: Vec<Option<DerivedNode>> = nodes.collect();
        self.points.push(
            nodes
                .iter()
                .map(|node| Some(node.as_ref()?.point))
                .collect(),
        );
        self.sd
            .push(nodes.iter().map(|node| node.as_ref()?.sd).collect());
        let is_bridged = |node: &Option<DerivedNode>| node.is_some_and(|node| node.is_bridged);
        self.bridged.push(nodes.iter().map(is_bridged).collect());
    }

    /// An instance of which nothing is known but what is measured.
    fn push_as_it_is(&mut self, points: &Nodes, has_sd: bool) {
        let visible = |point: &[f64; 2]| {
            crate::detection::is_visible(point).then_some(DerivedNode {
                point: *point,
                sd: None,
                is_bridged: false,
            })
        };
        self.push(points.iter().map(visible));
        if !has_sd {
            self.sd.pop();
        }
    }

    /// Whether a node was bridged.
    pub fn has_bridged(&self) -> bool {
        self.bridged.iter().flatten().any(|bridged| *bridged)
    }
}

#[cfg(test)]
mod tests;
