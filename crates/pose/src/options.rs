//! How a model is run.

use crate::{device::Device, refine::Refine};

/// How a model is run. The options of post-processing have the names and defaults of
/// `sleap-nn predict`.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where.
    pub device: Device,
    /// Threads within an operation, at least one; by default as many as there are physical cores
    /// that the process may use.
    pub threads: Option<usize>,
    /// Frames in one call of the model at most; by default 1 on a CPU, which gains nothing from
    /// more, and 8 on a GPU. Through OpenVINO it is always 1. A GPU is warmed up for every size of
    /// batch up to this one, TensorRT's engines are built for it, and with TensorRT larger batches
    /// fail.
    pub max_batch: Option<usize>,
    /// Lets TensorRT calculate with 16-bit floats: about twice as fast, and points move a little.
    /// An error on other devices.
    pub fp16: bool,
    /// Points with a lower value count as not found, and animals whose centroid does not exceed it
    /// are left out. The export has a threshold of its own (0.2 unless it was set), below
    /// which it gives nothing: this one can only be stricter.
    pub peak_threshold: Option<f32>,
    /// At most so many instances a frame, the best ones; at least 1. Beyond what the export holds
    /// it is an error.
    pub max_instances: Option<usize>,
    /// Bottom-up: connections of two points with a lower score (-1 to 1) are dropped.
    pub min_line_scores: f32,
    /// Bottom-up: instances with fewer points are dropped. Up to 1 it is a share of the skeleton's
    /// nodes (rounded down), above 1 a number of points; 0 keeps all.
    pub min_instance_peaks: f32,
    /// Moves the points between the cells of the confidence maps, whose maxima they are otherwise
    /// as the graph gives them. Confidence and scores stay.
    pub refine: Option<Refine>,
    /// Lets idle threads of the session busy-wait for the next operation. That is about a tenth
    /// faster and keeps the cores at full load while a model runs, which slows the threads that
    /// receive and decode frames on the same machine; off by default.
    pub spinning: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            device: Device::default(),
            threads: None,
            max_batch: None,
            fp16: false,
            peak_threshold: None,
            max_instances: None,
            min_line_scores: 0.25,
            min_instance_peaks: 0.0,
            refine: None,
            spinning: false,
        }
    }
}
