//! What a model predicts for one frame.

use std::time::Duration;

/// The prediction for one frame.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FramePrediction {
    /// The animals found, in the model's order.
    pub instances: Vec<Instance>,
    /// How long it took.
    pub timing: StepTimes,
}

/// One animal: as many points as the skeleton has nodes, in its order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Instance {
    /// x, y in pixels of the frame as given; `None` where the node was not found.
    pub points: Vec<Option<[f32; 2]>>,
    /// The model's value at each node, also where the point is `None`; NaN where there is none.
    pub confidence: Vec<f32>,
    /// The instance's own score, as sleap-nn defines it for the model's kind.
    pub score: f32,
    /// The identity, for kinds that identify animals.
    pub track: Option<String>,
}

/// How long the steps of a prediction took.
///
/// `preprocess` and `postprocess` are of this frame alone; `inference` is of the session call that
/// the whole batch shares, because that is how long this frame was in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StepTimes {
    /// Colour conversion and fitting to the model's size.
    pub preprocess: Duration,
    /// ONNX Runtime.
    pub inference: Duration,
    /// From the model's outputs to instances.
    pub postprocess: Duration,
}
