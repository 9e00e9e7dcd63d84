//! What somebody who only looks on says, and hears beside the pictures.

use serde::{Deserialize, Serialize};

use crate::number::{float_or_zero, int};
use crate::stream::{ModelInfo, Skeleton};

/// Asks for pictures of the stream (`VIEW`, viewer to worker). Keys that are missing take their
/// default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct View {
    /// Width of the pictures at most, pixels. They keep their ratio and are never enlarged.
    #[serde(deserialize_with = "int")]
    pub width: u32,
    /// Pictures per second at most; 0 = none, only `STATUS`.
    #[serde(deserialize_with = "float_or_zero")]
    pub fps: f64,
    /// JPEG quality, 1 to 100.
    #[serde(deserialize_with = "int")]
    pub quality: u8,
}

impl Default for View {
    fn default() -> Self {
        Self {
            width: 640,
            fps: 10.0,
            quality: 70,
        }
    }
}

/// How the worker is (`STATUS`, worker to viewer), once a second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Status {
    pub worker_version: String,
    /// The model that answers; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skeleton: Option<Skeleton>,
    /// Clients that are connected; at most one of them streams.
    #[serde(deserialize_with = "int")]
    pub clients: u32,
    /// Viewers that are connected.
    #[serde(deserialize_with = "int")]
    pub viewers: u32,
    /// Absent while nobody streams.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<StreamStatus>,
}

/// The stream that a worker serves.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamStatus {
    /// As the client named it: for people, never a path.
    pub source_name: String,
    pub is_webcam: bool,
    /// Width of the newest frame as the client sent it, pixels; 0 = none came yet.
    #[serde(deserialize_with = "int")]
    pub width: u32,
    /// Height of the same, pixels.
    #[serde(deserialize_with = "int")]
    pub height: u32,
    /// Frames that were answered since the stream began.
    #[serde(deserialize_with = "int")]
    pub frames: u64,
    /// Those of them that were damaged or could not be processed.
    #[serde(deserialize_with = "int")]
    pub frames_dropped: u64,
    /// Answers per second since the last status.
    #[serde(deserialize_with = "float_or_zero")]
    pub fps: f64,
    /// From a frame's announcement to its answer, microseconds, over the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total_us: Option<Percentiles>,
    /// The model, microseconds, over the same time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub inference_us: Option<Percentiles>,
}

/// The middle of what was measured, and what 95 of 100 stay under.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Percentiles {
    #[serde(deserialize_with = "int")]
    pub p50: u64,
    #[serde(deserialize_with = "int")]
    pub p95: u64,
}

impl Percentiles {
    /// Those of `values`, whose order is lost; `None` if there are none. The nearest rank is taken.
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
