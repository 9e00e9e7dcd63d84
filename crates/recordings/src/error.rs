//! What can go wrong with a file.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use crate::format::FORMS;

/// Why an output cannot be begun.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// It is there, and is not to be replaced.
    #[error("{} exists: give --overwrite to replace it", .0.display())]
    Exists(PathBuf),
    /// Something else than a file has that name.
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
    /// The folder takes no new files.
    #[error("cannot create {}: no file can be created in {} ({reason})", .path.display(), .folder.display())]
    ReadOnlyFolder {
        /// The file.
        path: PathBuf,
        /// The folder it would be in.
        folder: PathBuf,
        /// What the system says.
        reason: io::ErrorKind,
    },
    /// The name says no form that is known.
    #[error("{}: {FORMS}", .0.display())]
    Form(PathBuf),
    /// Two outputs would write the same file.
    #[error("{} is given twice", .0.display())]
    Twice(PathBuf),
    /// SLEAP keeps skeleton and provenance in one attribute, which is limited.
    #[error("{}: the skeleton and where it comes from take {bytes} bytes, an .slp file holds {limit}", .path.display())]
    MetadataTooLong {
        /// The file.
        path: PathBuf,
        /// Length of the attribute.
        bytes: usize,
        /// What it may be.
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
    /// Two nodes of the skeleton have one name, which no reader of such a file could tell apart.
    #[error("{}: the skeleton has two nodes called {node:?}", .path.display())]
    SameNode {
        /// The file.
        path: PathBuf,
        /// Their name.
        node: String,
    },
    /// The system or the HDF5 library refuses.
    #[error("cannot create {}: {reason}", .path.display())]
    Refused {
        /// The file.
        path: PathBuf,
        /// Its words.
        reason: String,
    },
}

impl WriteError {
    /// Whether it is the record that cannot be written, and the file can go on without it.
    pub(crate) fn is_the_records(&self) -> bool {
        !matches!(self, WriteError::Io(_) | WriteError::Hdf5(_))
    }
}

/// Why a record cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The system refuses.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The HDF5 library refuses.
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
    /// Names for so many nodes are too long for the file.
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
        /// What it may be.
        limit: usize,
    },
    /// The prediction contradicts itself.
    #[error("frame {frame_id}: {reason}")]
    Shape {
        /// The frame.
        frame_id: u64,
        /// How.
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
        /// How many they are.
        records: u64,
        /// What is wrong with the first.
        first: Arc<WriteError>,
    },
    /// Whoever takes them did not in time.
    #[error("{name} lacks the last {records} predictions: they were not taken in time")]
    Stuck {
        /// The file's name.
        name: String,
        /// How many they are, those that were on their way aside.
        records: usize,
    },
}
