//! What all records of a file have in common.

use std::collections::HashSet;
use std::path::Path;

use protocol::Skeleton;

use crate::error::CreateError;
use crate::record::Record;

/// What all records of a file have in common.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Header {
    /// Nodes and edges; `None` where nobody says: nodes are then called `node_0`, `node_1`, ...
    pub skeleton: Option<Skeleton>,
    /// The video that shows the frames.
    pub video: Video,
    /// The source itself, where `video` is a recording of it that may lack frames.
    pub source: Option<Video>,
    /// Where the predictions come from: names and values, kept as they are.
    pub provenance: Vec<(String, String)>,
}

/// A video, as labels refer to it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Video {
    /// Absolute path of a file; an address or a camera's name otherwise.
    pub filename: String,
    /// Frames, where that is known.
    pub frames: Option<u64>,
    /// Pixels.
    pub height: u32,
    /// Pixels.
    pub width: u32,
    /// 1 (gray) or 3.
    pub channels: u8,
    /// Frames per second, where that is known.
    pub fps: Option<f64>,
}

/// Where a record belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// 0: [`Header::video`], 1: [`Header::source`].
    pub(crate) video: u32,
    /// Index of the frame in that video.
    pub(crate) frame_idx: u64,
}

impl Header {
    /// Checks that a file can say what this says.
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

    /// Where a record belongs: a frame that the recording lacks is one of the source.
    pub(crate) fn place(&self, record: &Record) -> Place {
        match (&self.source, record.recorded) {
            (Some(_), Some(index)) => Place {
                video: 0,
                frame_idx: index,
            },
            (source, _) => Place {
                video: source.is_some().into(),
                frame_idx: record.prediction.frame_id,
            },
        }
    }

    /// The video of a [`Place`].
    pub(crate) fn video(&self, place: Place) -> &Video {
        match &self.source {
            Some(source) if place.video == 1 => source,
            _ => &self.video,
        }
    }

    /// Frames per second that are to be expected.
    pub(crate) fn rate(&self) -> f64 {
        /// A camera that does not tell.
        const USUAL: f64 = 30.0;
        let known = |fps: &f64| fps.is_finite() && *fps > 0.0;
        self.video.fps.filter(known).unwrap_or(USUAL)
    }
}

/// Names for nodes that nobody has named.
pub(crate) fn unnamed(nodes: usize) -> Skeleton {
    Skeleton {
        name: "skeleton".into(),
        nodes: (0..nodes).map(|node| format!("node_{node}")).collect(),
        edges: Vec::new(),
    }
}
