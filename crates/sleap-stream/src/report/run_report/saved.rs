//! The files that a run has written.

use serde_json::{Value, json};

/// A file that a run has written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SavedFile {
    /// Its path, as the options give it.
    pub(crate) path: String,
    /// Frames in it.
    pub(crate) frames: u64,
    /// Poses in it; `None` for pictures and videos.
    pub(crate) poses: Option<u64>,
}

impl SavedFile {
    /// The line of the summary.
    pub(super) fn line(&self) -> String {
        let frames = count(self.frames, "frame");
        let what = match self.poses {
            None => frames,
            Some(poses) => format!("{} in {frames}", count(poses, "pose")),
        };
        format!("saved         {}   {what}", self.path)
    }

    pub(super) fn to_json(&self) -> Value {
        json!({"path": self.path, "frames": self.frames, "poses": self.poses})
    }
}

fn count(number: u64, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}
