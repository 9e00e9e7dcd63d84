//! Poses that a program computes from those of a frame, and gives beside them.

use serde::{Deserialize, Serialize};

use crate::prediction::keep;

/// Poses and names that are given beside the measured poses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DerivedPoses {
    /// At the moment of their use.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ahead: Option<AheadPoses>,
    /// Smoothed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub smooth: Option<SmoothPoses>,
    /// `[instance]`: the name that people gave its track; empty, or as long as the instances are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<Option<String>>,
}

impl DerivedPoses {
    /// Leaves out the poses and names of the instances for which `stays` is false.
    pub fn retain(&mut self, stays: &[bool]) {
        let count = stays.len();
        keep(&mut self.names, stays, count);
        if let Some(ahead) = &mut self.ahead {
            keep(&mut ahead.instances, stays, count);
            keep(&mut ahead.sd, stays, count);
            keep(&mut ahead.bridged, stays, count);
        }
        if let Some(smooth) = &mut self.smooth {
            keep(&mut smooth.instances, stays, count);
            keep(&mut smooth.bridged, stays, count);
        }
    }
}

/// Poses carried on from the frame's capture to the moment of their use.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct AheadPoses {
    /// From the frame's capture to that moment, milliseconds.
    pub by_ms: f64,
    /// `[instance][node]`: x and y in pixels; `None` where a node is not known.
    pub instances: Vec<Vec<Option<[f32; 2]>>>,
    /// `[instance][node]`: standard deviation of x and of y, pixels.
    pub sd: Vec<Vec<Option<f32>>>,
    /// `[instance][node]`: the node is not visible in this frame; empty where all are that have a point.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bridged: Vec<Vec<bool>>,
}

/// Smoothed poses.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct SmoothPoses {
    /// `[instance][node]`: x and y in pixels; `None` where a node is not known.
    pub instances: Vec<Vec<Option<[f32; 2]>>>,
    /// `[instance][node]`: the node is not visible in this frame; empty where all are that have a point.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub bridged: Vec<Vec<bool>>,
}
