//! Messages of viewers, which watch the streams of a worker.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::number::{float_or_zero, int, optional_int};
use crate::stream::{ModelInfo, Skeleton};

/// Asks for pictures of one stream, or of all (`VIEW`, viewer to worker). Keys that are missing take their
/// default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ViewRequest {
    /// Width of the pictures at most, pixels. They keep their ratio and are never enlarged.
    #[serde(deserialize_with = "int")]
    pub width: u32,
    /// Pictures per second at most; 0 = none, only `STATUS`.
    #[serde(deserialize_with = "float_or_zero")]
    pub fps: f64,
    /// JPEG quality, 1 to 100.
    #[serde(deserialize_with = "int")]
    pub quality: u8,
    /// Extension: the name of the stream that the viewer looks at; absent, or a name that no stream has: the
    /// first one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<String>,
    /// Extension: pictures of all streams, small ones; `fps` is the rate of each.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub grid: bool,
}

/// Whose picture follows (`PICTURE`, worker to viewer).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct PictureOf {
    /// The stream's name, as in [`ListedStream::name`].
    pub stream: String,
}

impl Default for ViewRequest {
    fn default() -> Self {
        Self {
            width: 640,
            fps: 10.0,
            quality: 70,
            stream: None,
            grid: false,
        }
    }
}

/// The worker's state (`STATUS`, worker to viewer), once a second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct WorkerStatus {
    /// The worker's own version.
    pub worker_version: String,
    /// The model that predicts; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelInfo>,
    /// The nodes and edges of the predictions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skeleton: Option<Skeleton>,
    /// What tells animals apart, as in `STREAM_ACK`; absent where nothing does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracker: Option<String>,
    /// Clients that are connected, whether they stream or not.
    #[serde(deserialize_with = "int")]
    pub clients: u32,
    /// Viewers that are connected.
    #[serde(deserialize_with = "int")]
    pub viewers: u32,
    /// Viewers that the worker takes at the same time; absent: unknown.
    #[serde(
        deserialize_with = "optional_int",
        skip_serializing_if = "Option::is_none"
    )]
    pub max_viewers: Option<u32>,
    /// The stream that the viewer looks at; absent while there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamStatus>,
    /// The last stream with its final figures; absent while there is a stream, and before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_stream: Option<StreamStatus>,
    /// Extension: all streams, in the order in which they began.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub streams: Vec<ListedStream>,
}

/// One of several streams that a worker serves.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ListedStream {
    /// What tells it from the others.
    pub name: String,
    /// The client's name for the source: for display, never a path.
    pub source_name: String,
    /// Whether it is the one that the viewer looks at.
    pub shown: bool,
    /// Whether the source is a camera.
    pub is_webcam: bool,
    /// Frames that were answered since it began.
    #[serde(deserialize_with = "int")]
    pub frames: u64,
    /// Those of them that were damaged or could not be processed.
    #[serde(deserialize_with = "int")]
    pub frames_dropped: u64,
    /// Answers per second since the last status.
    #[serde(deserialize_with = "float_or_zero")]
    pub fps: f64,
    /// From the announcement of the newest frame with an answer to that answer, microseconds; absent: unknown.
    #[serde(
        deserialize_with = "optional_int",
        skip_serializing_if = "Option::is_none"
    )]
    pub latency_us: Option<u64>,
}

/// The stream that a worker serves.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamStatus {
    /// The client's name for the source: for display, never a path.
    pub source_name: String,
    /// Whether the source is a camera.
    pub is_webcam: bool,
    /// Width of the newest frame as the client sent it, pixels; 0 = there was none yet.
    #[serde(deserialize_with = "int")]
    pub width: u32,
    /// Height of the same, pixels.
    #[serde(deserialize_with = "int")]
    pub height: u32,
    /// Width of the source, pixels; 0 = unknown.
    #[serde(deserialize_with = "int")]
    pub source_width: u32,
    /// Height of the source, pixels; 0 = unknown.
    #[serde(deserialize_with = "int")]
    pub source_height: u32,
    /// Frames that were answered since the stream began.
    #[serde(deserialize_with = "int")]
    pub frames: u64,
    /// Those of them that were damaged or could not be processed.
    #[serde(deserialize_with = "int")]
    pub frames_dropped: u64,
    /// Frames of a live source that the client has not sent, as far as their numbers show; absent for a
    /// source whose frames wait.
    #[serde(
        deserialize_with = "optional_int",
        skip_serializing_if = "Option::is_none"
    )]
    pub frames_not_sent: Option<u64>,
    /// Answers per second since the last status.
    #[serde(deserialize_with = "float_or_zero")]
    pub fps: f64,
    /// From a frame's announcement to its answer, microseconds, over the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_us: Option<Percentiles>,
    /// The model, microseconds, over the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inference_us: Option<Percentiles>,
    /// The names that people gave tracks of this stream.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub track_names: BTreeMap<String, String>,
}

/// Percentiles of measured values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Percentiles {
    /// The median.
    #[serde(deserialize_with = "int")]
    pub p50: u64,
    /// The 95th percentile.
    #[serde(deserialize_with = "int")]
    pub p95: u64,
}

impl Percentiles {
    /// The percentiles of `values` by the nearest rank; `None` if there are none. Reorders `values`.
    pub fn of(values: &mut [u64]) -> Option<Self> {
        let last = values.len().checked_sub(1)?;
        let mut at = |share: usize| *values.select_nth_unstable((last * share).div_ceil(100)).1;
        Some(Self {
            p50: at(50),
            p95: at(95),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        assert_eq!(Percentiles::of(&mut []), None);
        let of = |mut values: Vec<u64>| Percentiles::of(&mut values).unwrap();
        assert_eq!(of(vec![7]), Percentiles { p50: 7, p95: 7 });
        assert_eq!(of(vec![9, 1, 5]), Percentiles { p50: 5, p95: 9 });
        let hundred = (0..=100).rev().collect();
        assert_eq!(of(hundred), Percentiles { p50: 50, p95: 95 });
    }
}
