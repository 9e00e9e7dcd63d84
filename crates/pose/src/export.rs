//! A model directory, before any device is chosen.

use std::path::Path;

use crate::{
    device::Device,
    error::LoadError,
    graph::{GraphFile, PeakSearch},
    input::input_size,
    metadata::Metadata,
    model_files,
    options::Options,
    refine,
    session::{OnnxSession, TensorRtProfile},
    training_config::{TrainingConfig, TrainingConfigError},
};

const GRAPH_FILE: &str = "model.onnx";

/// What was read of a model directory.
pub(crate) struct Export {
    pub(crate) graph: GraphFile,
    /// How the graph finds peaks on its confidence maps, where those are to be refined.
    pub(crate) maps: Option<PeakSearch>,
    pub(crate) metadata: Metadata,
    /// The file beside the graph.
    config: Option<TrainingConfig>,
}

impl Export {
    /// Reads the directory that `sleap-nn export` wrote, but for the graph. The graph's own path stands
    /// for its directory.
    ///
    /// # Errors
    /// A file is missing or cannot be used.
    pub(crate) fn read(dir: &Path, options: &Options) -> Result<Self, LoadError> {
        let dir = directory_of(dir);
        if !dir.is_dir() {
            return Err(LoadError::NoDirectory {
                path: dir.to_owned(),
            });
        }
        let metadata = Metadata::read(dir)?;
        let graph = dir.join(GRAPH_FILE);
        if !graph.is_file() {
            return Err(LoadError::NoGraph { path: graph });
        }
        if let Some(path) = model_files::irregular_weights(&graph) {
            return Err(LoadError::IrregularWeights { path });
        }
        model_files::refuse_lfs_pointers(&graph)?;
        let config = TrainingConfig::read(dir)?;
        let mut graph = GraphFile::new(graph);
        let maps = match options.refine {
            Some(_) => {
                let points = refine::PointLayout::of(metadata.kind);
                Some(graph.add_maps(points.output, points.besides)?)
            }
            None => None,
        };
        Ok(Self {
            graph,
            maps,
            metadata,
            config,
        })
    }

    /// The training configuration beside the graph, or else inside it.
    pub(crate) fn config(
        &self,
        session: &OnnxSession,
    ) -> Result<TrainingConfig, TrainingConfigError> {
        match (&self.config, session.embedded_training_config()) {
            (Some(config), _) => Ok(config.clone()),
            (None, Some(text)) => {
                TrainingConfig::parse(&text, "the training_config inside model.onnx")
            }
            (None, None) => Ok(TrainingConfig::default()),
        }
    }

    /// What TensorRT needs before it loads the graph; found by loading the graph on the CPU.
    pub(crate) fn engine(
        &self,
        max_batch: usize,
        options: &Options,
    ) -> Result<TensorRtProfile, LoadError> {
        let session = OnnxSession::load(&self.graph, Device::Cpu, options, None)?;
        let config = self.config(&session)?;
        let input = input_size(&self.metadata, &config, session.fixed_size())?;
        let [planes, rows, columns] =
            [input.channels, input.height, input.width].map(|n| n as usize);
        let shape = [max_batch, planes, rows, columns];
        Ok(TensorRtProfile::new(&self.graph, shape, options))
    }
}

/// The directory of `path`, which may also be the graph in it.
fn directory_of(path: &Path) -> &Path {
    let is_graph = path.file_name().is_some_and(|name| name == GRAPH_FILE) && path.is_file();
    match path.parent().filter(|_| is_graph) {
        Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
        Some(parent) => parent,
        None => path,
    }
}
