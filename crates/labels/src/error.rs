//! Errors of outputs.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::format::NAME_FORMS;

/// Why an output cannot be created.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The file exists, and may not be replaced.
    #[error("{} exists: give --overwrite to replace it", .0.display())]
    Exists(PathBuf),
    /// Something other than a file has that name.
    #[error("{} is there and is no file that can be replaced", .0.display())]
    NoFile(PathBuf),
    /// Nothing can be created there.
    #[error("cannot create {}: there is no folder {}", .path.display(), .folder.display())]
    NoFolder {
        /// The file.
        path: PathBuf,
        /// The folder it would be in.
        folder: PathBuf,
    },
    /// No file can be created in its folder.
    #[error("cannot create {}: no file can be created in {} ({reason})", .path.display(), .folder.display())]
    ReadOnlyFolder {
        /// The file.
        path: PathBuf,
        /// The folder it would be in.
        folder: PathBuf,
        /// The reason of the system.
        reason: io::ErrorKind,
    },
    /// The name ends as that of no known format.
    #[error("{}: {NAME_FORMS}", .0.display())]
    Format(PathBuf),
    /// Two outputs would write the same file.
    #[error("{} is given twice", .0.display())]
    Twice(PathBuf),
    /// SLEAP keeps skeleton and provenance in one attribute of limited length.
    #[error("{}: the skeleton and where it comes from take {bytes} bytes, an .slp file holds {limit}", .path.display())]
    MetadataTooLong {
        /// The file.
        path: PathBuf,
        /// Length of the attribute.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The skeleton names an edge to a node that it does not have.
    #[error("{}: the skeleton joins nodes {} and {}, but has {nodes}", .path.display(), .edge[0], .edge[1])]
    Edge {
        /// The file.
        path: PathBuf,
        /// Its ends.
        edge: [u32; 2],
        /// Nodes that there are.
        nodes: usize,
    },
    /// Two nodes of the skeleton have the same name, so that a reader of the file cannot distinguish them.
    #[error("{}: the skeleton has two nodes called {node:?}", .path.display())]
    SameNode {
        /// The file.
        path: PathBuf,
        /// Their name.
        node: String,
    },
    /// The system or the HDF5 library reports an error.
    #[error("cannot create {}: {reason}", .path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// Its message.
        reason: String,
    },
}

impl WriteError {
    /// Whether only this record cannot be written, so that the file can do without it.
    pub(crate) fn is_of_record(&self) -> bool {
        !matches!(self, WriteError::Io(_) | WriteError::Hdf5(_))
    }
}

/// Why a record cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The system reports an error.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The HDF5 library reports an error.
    #[error("{0}")]
    Hdf5(String),
    /// All instances of a file have the same nodes.
    #[error("frame {frame_id} has an instance of {found} nodes, where the skeleton has {expected}")]
    Nodes {
        /// The frame.
        frame_id: u64,
        /// Points of the instance.
        found: usize,
        /// Nodes of the skeleton.
        expected: usize,
    },
    /// The names of so many nodes are too long for the file.
    #[error("frame {frame_id} has an instance of {nodes} nodes, which is too many for the file")]
    TooManyNodes {
        /// The frame.
        frame_id: u64,
        /// Points of the instance.
        nodes: usize,
    },
    /// The name of a track is too long for the file.
    #[error("frame {frame_id} has a track whose name takes {bytes} bytes, the file holds {limit}")]
    TrackName {
        /// The frame.
        frame_id: u64,
        /// Length of its entry.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The arrays of the prediction do not fit each other.
    #[error("frame {frame_id}: {reason}")]
    Shape {
        /// The frame.
        frame_id: u64,
        /// Which.
        reason: String,
    },
}

/// An output that lacks predictions.
#[derive(Debug, Clone, thiserror::Error)]
pub enum OutputError {
    /// It cannot be written any more.
    #[error("cannot write to {name}: {error}")]
    Failed {
        /// The file's name.
        name: String,
        /// Why.
        error: Arc<WriteError>,
    },
    /// Some predictions cannot be written.
    #[error("{name} lacks {records} predictions that it cannot hold: {first}")]
    Skipped {
        /// The file's name.
        name: String,
        /// How many.
        records: u64,
        /// What is wrong with the first.
        first: Arc<WriteError>,
    },
    /// It was not written again after a look through the whole video.
    #[error(
        "{name} has the tracks that were given live, without a look through the whole video: {reason}"
    )]
    NotRevised {
        /// The file's name.
        name: String,
        /// Why.
        reason: String,
    },
    /// The rest was abandoned because writing took too long.
    #[error("{name} lacks the last {records} predictions: they were not taken in time")]
    Stuck {
        /// The file's name.
        name: String,
        /// How many, without those that were being written.
        records: usize,
    },
}
