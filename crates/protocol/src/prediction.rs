//! A worker's answers to a frame.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

use crate::frame_meta::FrameId;
use crate::number::{int, optional_int, single};

/// The instances found in one frame (`PREDICTION`, worker to client).
///
/// Values that are not finite are written as `null`. When it is read, every array is empty or fits
/// [`instances`](Self::instances).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Prediction {
    /// The frame.
    #[serde(deserialize_with = "int")]
    pub frame_id: FrameId,
    /// `[instance][node]`: x and y in pixels of the frame as sent; `None` where a node is not visible.
    #[serde(with = "points")]
    pub instances: Vec<Vec<Option<[f32; 2]>>>,
    /// `[instance][node]`: the node's score.
    #[serde(default, with = "score_rows")]
    pub confidence: Vec<Vec<Option<f32>>>,
    /// `[instance]`: the instance's score.
    #[serde(default, with = "scores", skip_serializing_if = "Vec::is_empty")]
    pub instance_scores: Vec<Option<f32>>,
    /// `[instance]`: the track (identity) it belongs to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tracks: Vec<Option<String>>,
    /// `[instance]`: how well it fits its track.
    #[serde(default, with = "scores", skip_serializing_if = "Vec::is_empty")]
    pub track_scores: Vec<Option<f32>>,
    /// Where the frame's time went on the worker.
    #[serde(default, skip_serializing_if = "Timing::is_empty")]
    pub timing: Timing,
}

impl Prediction {
    /// Checks that every array is empty or fits [`instances`](Self::instances).
    pub fn check(&self) -> Result<(), ShapeError> {
        let expected = self.instances.len();
        for (array, found) in [
            ("confidence", self.confidence.len()),
            ("instance_scores", self.instance_scores.len()),
            ("tracks", self.tracks.len()),
            ("track_scores", self.track_scores.len()),
        ] {
            fits(array, found, expected)?;
        }
        for (points, scores) in self.instances.iter().zip(&self.confidence) {
            fits("a row of confidence", scores.len(), points.len())?;
        }
        Ok(())
    }

    /// Leaves out the instances for which `stays` is false, with everything that belongs to them.
    pub fn retain(&mut self, stays: &[bool]) {
        let count = self.instances.len();
        keep(&mut self.instances, stays, count);
        keep(&mut self.confidence, stays, count);
        keep(&mut self.instance_scores, stays, count);
        keep(&mut self.tracks, stays, count);
        keep(&mut self.track_scores, stays, count);
    }
}

/// Leaves out elements of an array that has one for each instance.
pub(crate) fn keep<T>(array: &mut Vec<T>, stays: &[bool], instances: usize) {
    if array.len() == instances {
        let mut stays = stays.iter();
        array.retain(|_| stays.next().copied().unwrap_or(true));
    }
}

fn fits(array: &'static str, found: usize, expected: usize) -> Result<(), ShapeError> {
    if found == 0 || found == expected {
        return Ok(());
    }
    Err(ShapeError {
        array,
        found,
        expected,
    })
}

/// Arrays of a prediction that do not fit each other.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{array} has {found} entries where instances has {expected}")]
pub struct ShapeError {
    /// The array that does not fit.
    pub array: &'static str,
    /// Its entries.
    pub found: usize,
    /// Entries of `instances`.
    pub expected: usize,
}

/// A frame arrived at a worker without a model (`FRAME_RECEIVED`, worker to client).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FrameReceived {
    /// The frame.
    #[serde(deserialize_with = "int")]
    pub frame_id: FrameId,
    /// Where the frame's time went on the worker.
    #[serde(default, skip_serializing_if = "Timing::is_empty")]
    pub timing: Timing,
}

/// One frame failed (`ERROR`, worker to client). The stream continues.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(from = "FrameErrorKeys")]
pub struct FrameError {
    /// The frame; `None` where its number is not known.
    pub frame_id: Option<FrameId>,
    /// What went wrong, for display.
    pub message: String,
}

/// `ERROR` as Python peers send it: the key of the text differs between them.
#[derive(Deserialize)]
struct FrameErrorKeys {
    #[serde(default, deserialize_with = "optional_int")]
    frame_id: Option<FrameId>,
    message: Option<String>,
    error: Option<String>,
    reason: Option<String>,
}

impl From<FrameErrorKeys> for FrameError {
    fn from(keys: FrameErrorKeys) -> Self {
        let text = keys.message.or(keys.error).or(keys.reason);
        Self {
            frame_id: keys.frame_id,
            message: text.unwrap_or_default(),
        }
    }
}

/// The worker's queues are full (`BACKPRESSURE`, worker to client).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backpressure {
    /// Whole frames that the worker holds and has not answered.
    #[serde(deserialize_with = "int")]
    pub waiting: u64,
}

/// Where a frame's time went on the worker, in microseconds. A step that did not happen is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Timing {
    /// From the frame's announcement to its end.
    #[serde(
        deserialize_with = "optional_int",
        skip_serializing_if = "Option::is_none"
    )]
    pub receive_us: Option<u64>,
    /// Decompressing the frame.
    #[serde(
        deserialize_with = "optional_int",
        skip_serializing_if = "Option::is_none"
    )]
    pub decode_us: Option<u64>,
    /// Waiting for the model.
    #[serde(
        deserialize_with = "optional_int",
        skip_serializing_if = "Option::is_none"
    )]
    pub queue_us: Option<u64>,
    /// Conversion to the model's colour, size and layout.
    #[serde(
        deserialize_with = "optional_int",
        skip_serializing_if = "Option::is_none"
    )]
    pub preprocess_us: Option<u64>,
    /// The model. For a batch, the whole call.
    #[serde(
        deserialize_with = "optional_int",
        skip_serializing_if = "Option::is_none"
    )]
    pub inference_us: Option<u64>,
    /// From the model's output to instances.
    #[serde(
        deserialize_with = "optional_int",
        skip_serializing_if = "Option::is_none"
    )]
    pub postprocess_us: Option<u64>,
    /// From the frame's announcement to this answer.
    #[serde(
        deserialize_with = "optional_int",
        skip_serializing_if = "Option::is_none"
    )]
    pub total_us: Option<u64>,
}

impl Timing {
    /// Whether nothing was measured.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// `[x, y]` or `null`; a point with a coordinate that is not finite is `null` as a whole.
mod points {
    use super::*;

    type InstanceRows = Vec<Vec<Option<[f32; 2]>>>;

    struct WirePoint([f32; 2]);

    impl Serialize for WirePoint {
        fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
            self.0.serialize(s)
        }
    }

    pub(super) fn serialize<S: Serializer>(rows: &InstanceRows, s: S) -> Result<S::Ok, S::Error> {
        let finite = |point: &Option<[f32; 2]>| {
            point
                .filter(|xy| xy.iter().all(|v| v.is_finite()))
                .map(WirePoint)
        };
        s.collect_seq(
            rows.iter()
                .map(|row| row.iter().map(finite).collect::<Vec<_>>()),
        )
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<InstanceRows, D::Error> {
        let rows = Vec::<Vec<Option<[Option<f64>; 2]>>>::deserialize(d)?;
        let point = |point: Option<[Option<f64>; 2]>| match point {
            Some([Some(x), Some(y)]) => Ok(Some([single(x)?, single(y)?])),
            _ => Ok(None),
        };
        rows.into_iter()
            .map(|row| row.into_iter().map(point).collect())
            .collect()
    }
}

/// Scores, `null` where not finite.
mod scores {
    use super::*;

    pub(super) fn serialize<S: Serializer>(row: &[Option<f32>], s: S) -> Result<S::Ok, S::Error> {
        // serde_json itself writes numbers that are not finite as null.
        row.serialize(s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        d: D,
    ) -> Result<Vec<Option<f32>>, D::Error> {
        narrow(Vec::<Option<f64>>::deserialize(d)?)
    }

    pub(super) fn narrow<E: serde::de::Error>(
        row: Vec<Option<f64>>,
    ) -> Result<Vec<Option<f32>>, E> {
        row.into_iter()
            .map(|value| value.map(single).transpose())
            .collect()
    }
}

/// Rows of scores.
mod score_rows {
    use super::*;

    pub(super) fn serialize<S: Serializer>(
        rows: &[Vec<Option<f32>>],
        s: S,
    ) -> Result<S::Ok, S::Error> {
        rows.serialize(s)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        d: D,
    ) -> Result<Vec<Vec<Option<f32>>>, D::Error> {
        let rows = Vec::<Vec<Option<f64>>>::deserialize(d)?;
        rows.into_iter().map(scores::narrow).collect()
    }
}
