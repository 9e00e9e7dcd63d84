//! Poses as arrays of NumPy.

use numpy::{PyArray1, PyArray2, PyArray3, PyArrayMethods};
use pose::FramePrediction;
use protocol::DerivedPoses;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use sleap_stream::FramePoses;

type Points = Vec<Vec<Option<[f32; 2]>>>;

/// The poses of one frame. Arrays have a row for each instance; what is missing is NaN.
#[pyclass(frozen, module = "sleap_stream")]
pub(crate) struct Pose {
    /// Counts the frames of the stream, from 0.
    #[pyo3(get)]
    frame_id: u64,
    /// x and y in pixels of the frame: float32 of the shape (instances, nodes, 2).
    #[pyo3(get)]
    points: Py<PyArray3<f32>>,
    /// The score of each point: float32 of the shape (instances, nodes).
    #[pyo3(get)]
    point_scores: Py<PyArray2<f32>>,
    /// The score of each instance: float32 of the shape (instances,).
    #[pyo3(get)]
    scores: Py<PyArray1<f32>>,
    /// The track of each instance, or None.
    #[pyo3(get)]
    tracks: Vec<Option<String>>,
    /// The name that people gave the track of each instance, or None.
    #[pyo3(get)]
    track_names: Vec<Option<String>>,
    /// The names of the nodes.
    #[pyo3(get)]
    node_names: Py<PyAny>,
    /// From the capture of the frame until its poses were here, milliseconds.
    #[pyo3(get)]
    age_ms: Option<f64>,
    /// When the frame was captured, seconds since 1970.
    #[pyo3(get)]
    captured_at: Option<f64>,
    /// The parts of the age, milliseconds, by their names; of a model its steps.
    #[pyo3(get)]
    parts_ms: Py<PyDict>,
    /// With predict_ahead: the points at the moment of their use, like `points`.
    #[pyo3(get)]
    ahead: Option<Py<PyArray3<f32>>>,
    /// With smooth: the smoothed points, like `points`.
    #[pyo3(get)]
    smooth: Option<Py<PyArray3<f32>>>,
}

#[pymethods]
impl Pose {
    /// How many instances there are.
    fn __len__(&self) -> usize {
        self.tracks.len()
    }

    fn __repr__(&self) -> String {
        let age = self.age_ms.map(|age| format!(", age_ms={age:.1}"));
        format!(
            "Pose(frame_id={}, instances={}{})",
            self.frame_id,
            self.tracks.len(),
            age.unwrap_or_default()
        )
    }
}

/// The poses of a frame of a stream, whose nodes are called so.
pub(crate) fn of_stream(py: Python<'_>, poses: &FramePoses, nodes: &NodeNames) -> PyResult<Pose> {
    let prediction = &poses.prediction;
    let instances = &prediction.instances;
    let DerivedPoses {
        ahead,
        smooth,
        names,
    } = &poses.derived;
    let parts = PyDict::new(py);
    for (name, us) in &poses.parts_us {
        parts.set_item(name, *us as f64 / 1e3)?;
    }
    let width = nodes.width(instances);
    let derived = |points: &Points| point_array(py, points, width).map(Bound::unbind);
    Ok(Pose {
        frame_id: poses.frame_id,
        points: derived(instances)?,
        point_scores: score_array(py, &prediction.confidence, instances.len(), width)?,
        scores: PyArray1::from_vec(py, padded(&prediction.instance_scores, instances.len()))
            .unbind(),
        tracks: named(&prediction.tracks, instances.len()),
        track_names: named(names, instances.len()),
        node_names: nodes.names.clone_ref(py),
        age_ms: Some(poses.age_us as f64 / 1e3),
        captured_at: poses.captured_us.map(|us| us as f64 / 1e6),
        parts_ms: parts.unbind(),
        ahead: ahead
            .as_ref()
            .map(|it| derived(&it.instances))
            .transpose()?,
        smooth: smooth
            .as_ref()
            .map(|it| derived(&it.instances))
            .transpose()?,
    })
}

/// The poses that a model has found in its `frame_id`th frame.
pub(crate) fn of_model(
    py: Python<'_>,
    frame_id: u64,
    prediction: &FramePrediction,
    nodes: &NodeNames,
) -> PyResult<Pose> {
    let instances = &prediction.instances;
    let points: Points = instances.iter().map(|it| it.points.clone()).collect();
    let known = |score: &f32| (!score.is_nan()).then_some(*score);
    let confidence: Vec<Vec<Option<f32>>> = instances
        .iter()
        .map(|it| it.confidence.iter().map(known).collect())
        .collect();
    let scores: Vec<f32> = instances.iter().map(|it| it.score).collect();
    let timing = prediction.timing;
    let parts = PyDict::new(py);
    for (name, step) in [
        ("preprocess", timing.preprocess),
        ("inference", timing.inference),
        ("postprocess", timing.postprocess),
    ] {
        parts.set_item(name, step.as_secs_f64() * 1e3)?;
    }
    let width = nodes.width(&points);
    Ok(Pose {
        frame_id,
        points: point_array(py, &points, width)?.unbind(),
        point_scores: score_array(py, &confidence, instances.len(), width)?,
        scores: PyArray1::from_vec(py, scores).unbind(),
        tracks: instances.iter().map(|it| it.track.clone()).collect(),
        track_names: vec![None; instances.len()],
        node_names: nodes.names.clone_ref(py),
        age_ms: None,
        captured_at: None,
        parts_ms: parts.unbind(),
        ahead: None,
        smooth: None,
    })
}

/// The nodes of a skeleton.
pub(crate) struct NodeNames {
    /// A tuple of texts.
    pub(crate) names: Py<PyAny>,
    count: usize,
}

impl NodeNames {
    pub(crate) fn new(py: Python<'_>, names: &[String]) -> PyResult<Self> {
        Ok(Self {
            count: names.len(),
            names: pyo3::types::PyTuple::new(py, names)?.into_any().unbind(),
        })
    }

    /// The length of a row of points. A worker may send rows of another length than its skeleton has nodes.
    fn width(&self, instances: &Points) -> usize {
        let longest = instances.iter().map(Vec::len).max();
        longest.unwrap_or_default().max(self.count)
    }
}

fn point_array<'py>(
    py: Python<'py>,
    instances: &Points,
    width: usize,
) -> PyResult<Bound<'py, PyArray3<f32>>> {
    let mut flat = vec![f32::NAN; instances.len() * width * 2];
    for (row, points) in flat.chunks_exact_mut((width * 2).max(1)).zip(instances) {
        for (xy, point) in row.chunks_exact_mut(2).zip(points) {
            if let Some(point) = point {
                xy.copy_from_slice(point);
            }
        }
    }
    PyArray1::from_vec(py, flat).reshape([instances.len(), width, 2])
}

fn score_array(
    py: Python<'_>,
    rows: &[Vec<Option<f32>>],
    count: usize,
    width: usize,
) -> PyResult<Py<PyArray2<f32>>> {
    let mut flat = vec![f32::NAN; count * width];
    for (row, scores) in flat.chunks_exact_mut(width.max(1)).zip(rows) {
        for (cell, score) in row.iter_mut().zip(scores) {
            *cell = score.unwrap_or(f32::NAN);
        }
    }
    Ok(PyArray1::from_vec(py, flat)
        .reshape([count, width])?
        .unbind())
}

fn padded(scores: &[Option<f32>], count: usize) -> Vec<f32> {
    let scores = scores.iter().map(|score| score.unwrap_or(f32::NAN));
    scores
        .chain(std::iter::repeat(f32::NAN))
        .take(count)
        .collect()
}

fn named(names: &[Option<String>], count: usize) -> Vec<Option<String>> {
    let names = names.iter().cloned();
    names.chain(std::iter::repeat(None)).take(count).collect()
}
