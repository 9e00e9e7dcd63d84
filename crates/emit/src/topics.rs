//! Topics of the messages that a ZeroMQ subscriber chooses among.

/// A frame's poses.
pub(crate) const POSE: &str = "pose";
/// The names of the nodes, at the start of a stream.
pub(crate) const SKELETON: &str = "skeleton";
/// The end of a stream.
pub(crate) const END: &str = "end";
/// All topics that there are.
pub(crate) const TOPICS: [&str; 3] = [POSE, SKELETON, END];
