//! A model inside of the Python process, without a worker.

use std::path::PathBuf;

use pose::{FramePrediction, FrameView, ModelDescription};
use pyo3::prelude::*;
use pyo3::types::PyDict;
use sleap_worker::EmbeddedModel;

use crate::errors::{ExceptionKind, raised};
use crate::frames::{ArrayForm, ModelFrame};
use crate::options::keywords;
use crate::poses::{self, NodeNames, Pose};
use crate::process::OfProcess;

/// Loads ONNX Runtime from this library or folder; `None`: from where the worker finds it. A process has one.
#[pyfunction]
#[pyo3(signature = (path))]
pub(crate) fn use_onnxruntime(py: Python<'_>, path: Option<PathBuf>) -> PyResult<String> {
    let loaded = py.detach(|| pose::runtime::load(path.as_deref()));
    let loaded = loaded.map_err(|error| {
        let mut lines = vec![error.to_string()];
        lines.extend(error.places());
        raised(py, ExceptionKind::Model, lines.join("\n"))
    })?;
    Ok(format!("{} ({})", loaded.version, loaded.path.display()))
}

/// Frames between two looks whether Ctrl-C was pressed.
const FRAMES_AT_ONCE: usize = 64;

/// A model inside of the Python process.
#[pyclass(frozen, module = "sleap_stream._native")]
pub(crate) struct NativeModel {
    model: OfProcess<EmbeddedModel>,
    info: ModelDescription,
    nodes: NodeNames,
}

#[pymethods]
impl NativeModel {
    /// Loads a model; `options` are those of the worker.
    #[new]
    fn new(py: Python<'_>, options: &Bound<'_, PyDict>) -> PyResult<Self> {
        let options = keywords(options)?;
        let loaded = py.detach(|| sleap_worker::load_model(&options));
        let model = loaded.map_err(|error| {
            let kind = match error.downcast_ref::<cli::KeywordError>() {
                Some(_) => ExceptionKind::Option,
                None => ExceptionKind::Model,
            };
            let lines = cli::in_lines(error.as_ref()).0;
            raised(py, kind, lines.join("\n"))
        })?;
        let info = model.info().clone();
        Ok(Self {
            nodes: NodeNames::new(py, &info.skeleton.nodes)?,
            model: OfProcess::new(model),
            info,
        })
    }

    /// The poses of frames, in their order.
    #[pyo3(signature = (frames, rgb, bits, first_id))]
    fn predict(
        &self,
        py: Python<'_>,
        frames: Vec<Bound<'_, PyAny>>,
        rgb: bool,
        bits: u8,
        first_id: u64,
    ) -> PyResult<Vec<Pose>> {
        let form = ArrayForm {
            rgb,
            bits,
            copy: false,
        };
        let frames = frames.iter().map(|frame| ModelFrame::new(frame, form));
        let frames: Vec<ModelFrame> = frames.collect::<PyResult<_>>()?;
        let model = self.model.get(py)?;
        let mut found = Vec::new();
        for batch in frames.chunks(FRAMES_AT_ONCE) {
            let predicted = py.detach(|| predict(model, batch));
            found.extend(predicted.map_err(|error| raised(py, ExceptionKind::Model, error))?);
            py.check_signals()?;
        }
        let poses = found.iter().zip(first_id..);
        poses
            .map(|(prediction, id)| poses::of_model(py, id, prediction, &self.nodes))
            .collect()
    }

    #[getter]
    fn name(&self) -> &str {
        &self.info.name
    }

    #[getter]
    fn kind(&self) -> String {
        self.info.kind.to_string()
    }

    #[getter]
    fn device(&self) -> String {
        self.info.runs_on.to_string()
    }

    /// Height, width and channels of its input.
    #[getter]
    fn input_shape(&self) -> (u32, u32, u32) {
        let input = self.info.input;
        (input.height, input.width, input.channels)
    }

    #[getter]
    fn node_names(&self, py: Python<'_>) -> Py<PyAny> {
        self.nodes.names.clone_ref(py)
    }

    #[getter]
    fn edges(&self) -> Vec<(u32, u32)> {
        let edges = self.info.skeleton.edges.iter();
        edges.map(|[from, to]| (*from, *to)).collect()
    }
}

fn predict(model: &EmbeddedModel, frames: &[ModelFrame]) -> Result<Vec<FramePrediction>, String> {
    let views: Vec<FrameView<'_>> = frames
        .iter()
        .map(|frame| FrameView::new(frame.width, frame.height, frame.channels, &frame.data))
        .collect::<Result<_, _>>()
        .map_err(|error| error.to_string())?;
    let predicted = model.predict(&views);
    predicted.map_err(|error| cli::in_lines(error.as_ref()).0.join("\n"))
}
