//! What is written of each frame.

use protocol::{CaptureClock, DerivedPoses, Prediction, track_called};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

use crate::error::WriteError;

/// A prediction and data about its frame.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PredictionRecord {
    /// Points are in pixels of the source.
    #[serde(flatten)]
    pub prediction: Prediction,
    /// Poses that were computed from these, which only lines of JSON have, and names of tracks.
    #[serde(flatten)]
    pub derived: DerivedPoses,
    /// When the frame was captured, microseconds since 1970 (Unix time).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub captured_us: Option<u64>,
    /// What that was read from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clock: Option<CaptureClock>,
    /// Age of the pose when it arrived, since the frame's capture, microseconds.
    pub latency_us: u64,
    /// Its parts.
    #[serde(skip_serializing_if = "LatencyParts::is_empty")]
    pub latency: LatencyParts,
    /// The frame's index in the recorded video, where there is one that has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recorded: Option<u64>,
    /// The camera, where there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub camera: Option<String>,
    /// The number of the moment that the frame shows, where several cameras do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moment: Option<u64>,
}

impl PredictionRecord {
    /// Leaves out the instances for which `stays` is false, with everything that belongs to them.
    pub fn retain(&mut self, stays: &[bool]) {
        self.prediction.retain(stays);
        self.derived.retain(stays);
    }

    /// About how much memory it takes.
    pub(crate) fn bytes(&self) -> usize {
        /// Of a row's own record, and of its name.
        const ROW: usize = 48;
        const POINT: usize = size_of::<Option<[f32; 2]>>() + size_of::<Option<f32>>();
        let points: usize = self.prediction.instances.iter().map(Vec::len).sum();
        let derived = [self.derived.ahead.is_some(), self.derived.smooth.is_some()];
        let times = 1 + derived.into_iter().filter(|is_there| *is_there).count();
        let instances = self.prediction.instances.len();
        size_of::<Self>() + times * (points * POINT + 3 * ROW * instances)
    }

    /// What an instance's track is called: by the name that it was given, else by its own.
    pub(crate) fn track(&self, index: usize) -> Option<&str> {
        track_called(&self.prediction.tracks, &self.derived.names, index)
    }
}

/// Names and lengths in microseconds of what a pose's age is made of.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LatencyParts(pub Vec<(&'static str, u64)>);

impl LatencyParts {
    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Serialize for LatencyParts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, us) in &self.0 {
            map.serialize_entry(name, us)?;
        }
        map.end()
    }
}

/// Checks that the arrays of a prediction fit each other, and that all its instances have the same
/// number of nodes: `known`, where that is given. Returns it; `None` where there is no instance.
pub(crate) fn check_nodes(
    prediction: &Prediction,
    known: Option<usize>,
) -> Result<Option<usize>, WriteError> {
    let frame_id = prediction.frame_id;
    prediction.check().map_err(|error| WriteError::Shape {
        frame_id,
        reason: error.to_string(),
    })?;
    let expected = known.or(prediction.instances.first().map(Vec::len));
    let mut found = prediction.instances.iter().map(Vec::len);
    match (expected, found.find(|found| Some(*found) != expected)) {
        (Some(expected), Some(found)) => Err(WriteError::Nodes {
            frame_id,
            found,
            expected,
        }),
        _ => Ok(expected),
    }
}
