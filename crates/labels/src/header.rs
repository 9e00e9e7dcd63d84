//! What all records of a file have in common.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use protocol::Skeleton;

use crate::error::CreateError;
use crate::record::PredictionRecord;

/// What all records of a file have in common.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LabelsHeader {
    /// Nodes and edges; `None` where they are not known: nodes are then called `node_0`, `node_1`, ...
    pub skeleton: Option<Skeleton>,
    /// The video that shows the frames.
    pub video: VideoReference,
    /// The source itself, where `video` is a recording of it that may lack frames.
    pub source: Option<VideoReference>,
    /// Where the predictions come from: names and values, kept as they are.
    pub provenance: Vec<(String, String)>,
    /// Frames belong to moments, which several cameras show.
    pub has_moments: bool,
}

/// A video, as labels refer to it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct VideoReference {
    /// Absolute path of a file; an address or a camera's name otherwise.
    pub filename: String,
    /// Absolute paths of the images, where the video is a sequence of these; `filename` is the first of them.
    pub images: Arc<[String]>,
    /// Frames, where that is known.
    pub frames: Option<u64>,
    /// Height in pixels.
    pub height: u32,
    /// Width in pixels.
    pub width: u32,
    /// 1 (gray) or 3.
    pub channels: u8,
    /// Frames per second, where that is known.
    pub fps: Option<f64>,
}

impl VideoReference {
    /// The file that holds a frame.
    pub(crate) fn file_of(&self, frame_idx: u64) -> &str {
        let index = usize::try_from(frame_idx).ok();
        let image = index.and_then(|index| self.images.get(index));
        image.unwrap_or(&self.filename)
    }

    /// The same video with this many frames, where their number is not known already.
    pub(crate) fn with_frames(&self, frames: u64) -> Self {
        Self {
            frames: self.frames.or(Some(frames)),
            ..self.clone()
        }
    }
}

/// The frame that a record belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameReference {
    /// 0: [`LabelsHeader::video`], 1: [`LabelsHeader::source`].
    pub(crate) video: u32,
    /// Index of the frame in that video.
    pub(crate) frame_idx: u64,
}

impl LabelsHeader {
    /// Checks that a file can hold this.
    pub(crate) fn check(&self, path: &Path) -> Result<(), CreateError> {
        let Some(Skeleton { nodes, edges, .. }) = &self.skeleton else {
            return Ok(());
        };
        let path = path.to_owned();
        let mut seen = HashSet::new();
        if let Some(node) = nodes.iter().find(|node| !seen.insert(*node)) {
            let node = node.clone();
            return Err(CreateError::SameNode { path, node });
        }
        let beyond = |edge: &&[u32; 2]| edge.iter().any(|end| *end as usize >= nodes.len());
        match edges.iter().find(beyond) {
            None => Ok(()),
            Some(edge) => Err(CreateError::Edge {
                path,
                edge: *edge,
                nodes: nodes.len(),
            }),
        }
    }

    /// The frame of a record: in the recording, or in the source where the recording lacks it.
    pub(crate) fn frame_reference(&self, record: &PredictionRecord) -> FrameReference {
        match (&self.source, record.recorded) {
            (Some(_), Some(index)) => FrameReference {
                video: 0,
                frame_idx: index,
            },
            (source, _) => FrameReference {
                video: source.is_some().into(),
                frame_idx: record.prediction.frame_id,
            },
        }
    }

    /// The video of a frame.
    pub(crate) fn video(&self, frame_reference: FrameReference) -> &VideoReference {
        match &self.source {
            Some(source) if frame_reference.video == 1 => source,
            _ => &self.video,
        }
    }

    /// Frames per second to expect.
    pub(crate) fn rate(&self) -> f64 {
        /// For a camera that does not report its rate.
        const DEFAULT_FPS: f64 = 30.0;
        let known = |fps: &f64| fps.is_finite() && *fps > 0.0;
        self.video.fps.filter(known).unwrap_or(DEFAULT_FPS)
    }
}

/// A skeleton with generated names.
pub(crate) fn unnamed(nodes: usize) -> Skeleton {
    Skeleton {
        name: "skeleton".into(),
        nodes: (0..nodes).map(|node| format!("node_{node}")).collect(),
        edges: Vec::new(),
    }
}
