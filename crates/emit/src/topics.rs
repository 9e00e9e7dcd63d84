//! The topics that are published to ZeroMQ subscribers.

/// A frame's poses.
pub(crate) const POSE: &str = "pose";
/// The nodes and edges of a stream's poses.
pub(crate) const SKELETON: &str = "skeleton";
/// The end of a stream.
pub(crate) const END: &str = "end";

/// All topics.
pub(crate) const ALL: [&str; 3] = [POSE, SKELETON, END];
