//! A model directory, before any device is chosen.

use std::path::Path;

use crate::{
    device::Device,
    error::LoadError,
    graph::{GraphFile, GraphHead, PeakSearch},
    input::input_size,
    metadata::Metadata,
    model_files,
    options::Options,
    refine,
    session::{OnnxSession, Preparation, TensorRtProfile},
    signature::GraphSignature,
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

/// What was read of a model directory whose graph runs elsewhere.
pub(crate) struct ServedExport {
    pub(crate) metadata: Metadata,
    pub(crate) config: TrainingConfig,
    /// Height and width of the graph's input, where the graph is there and has them fixed.
    fixed_size: (Option<u32>, Option<u32>),
}

impl Export {
    /// Reads the directory that `sleap-nn export` wrote, but for the graph. The graph's own path stands
    /// for its directory.
    ///
    /// # Errors
    /// A file is missing or cannot be used.
    pub(crate) fn read(dir: &Path, options: &Options) -> Result<Self, LoadError> {
        let dir = existing(dir)?;
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
        embedded: Option<String>,
    ) -> Result<TrainingConfig, TrainingConfigError> {
        config(self.config.as_ref(), embedded)
    }

    /// What `device` needs before it loads the graph; found by loading the graph on the CPU.
    pub(crate) fn preparation(
        &self,
        device: Device,
        max_batch: usize,
        options: &Options,
    ) -> Result<Preparation, LoadError> {
        if !matches!(device, Device::TensorRt(_) | Device::OpenVino) {
            return Ok(Preparation::None);
        }
        let session = OnnxSession::load(&self.graph, Device::Cpu, options, &Preparation::None)?;
        let config = self.config(session.embedded_training_config())?;
        let fixed = session.signature().fixed_size();
        let input = input_size(&self.metadata, &config, fixed)?;
        let [planes, rows, columns] =
            [input.channels, input.height, input.width].map(|n| n as usize);
        let shape = [max_batch, planes, rows, columns];
        Ok(match device {
            Device::OpenVino => Preparation::FixedGraph(session.fixed(&self.graph, shape)?),
            _ => Preparation::Engine(TensorRtProfile::new(&self.graph, shape, options)),
        })
    }
}

impl ServedExport {
    /// Reads the directory; the graph in it is looked at where it is there, and need not be.
    ///
    /// # Errors
    /// A file is missing or cannot be used.
    pub(crate) fn read(dir: &Path) -> Result<Self, LoadError> {
        let dir = existing(dir)?;
        let metadata = Metadata::read(dir)?;
        let GraphHead {
            fixed_size,
            training_config,
        } = GraphHead::read(&dir.join(GRAPH_FILE))?;
        let beside = TrainingConfig::read(dir)?;
        Ok(Self {
            config: config(beside.as_ref(), training_config)?,
            metadata,
            fixed_size,
        })
    }

    /// Height and width of what a served graph takes, as far as it or files say so. The error is the difference between them.
    pub(crate) fn size_of(
        &self,
        served: &GraphSignature,
    ) -> Result<(Option<u32>, Option<u32>), String> {
        let (metadata, config) = (&self.metadata, &self.config);
        let height = self.fixed_size.0.or(metadata.max_height);
        let width = self.fixed_size.1.or(metadata.max_width);
        let (height, width) = (height.or(config.max_height), width.or(config.max_width));
        served_size((height, width), served.fixed_size())
    }
}

fn served_size(
    traced: (Option<u32>, Option<u32>),
    served: (Option<u32>, Option<u32>),
) -> Result<(Option<u32>, Option<u32>), String> {
    let differ = |a: Option<u32>, b: Option<u32>| a.zip(b).is_some_and(|(a, b)| a != b);
    if differ(traced.0, served.0) || differ(traced.1, served.1) {
        let shown = |side: Option<u32>| side.map_or_else(|| "any".to_owned(), |n| n.to_string());
        let size = |(height, width)| format!("{}x{}", shown(width), shown(height));
        return Err(format!(
            "it takes images of {} pixels, and the export's are {}",
            size(served),
            size(traced)
        ));
    }
    Ok((served.0.or(traced.0), served.1.or(traced.1)))
}

/// The training configuration beside the graph, or else inside it.
fn config(
    beside: Option<&TrainingConfig>,
    embedded: Option<String>,
) -> Result<TrainingConfig, TrainingConfigError> {
    match (beside, embedded) {
        (Some(config), _) => Ok(config.clone()),
        (None, Some(text)) => TrainingConfig::parse(&text, "the training_config inside model.onnx"),
        (None, None) => Ok(TrainingConfig::default()),
    }
}

/// The directory that `path` names.
fn existing(path: &Path) -> Result<&Path, LoadError> {
    let dir = directory_of(path);
    match dir.is_dir() {
        true => Ok(dir),
        false => Err(LoadError::NoDirectory {
            path: dir.to_owned(),
        }),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_served_graph_takes_images_of_the_size_of_the_export() {
        let exported = (Some(192), Some(256));
        let any = (None, None);
        for (traced, served) in [
            (exported, exported),
            (exported, any),
            (any, exported),
            ((Some(192), None), (None, Some(256))),
        ] {
            assert_eq!(served_size(traced, served), Ok(exported));
        }
        let error = served_size(exported, (Some(192), Some(512))).expect_err("another width");
        assert!(
            error.contains("512x192") && error.contains("256x192"),
            "{error}"
        );
    }
}
