//! The topics that are published to ZeroMQ subscribers.

/// A frame's poses.
pub(crate) const POSE: &str = "pose";
/// The nodes and edges of a stream's poses.
pub(crate) const SKELETON: &str = "skeleton";
/// The end of a stream.
pub(crate) const END: &str = "end";
/// An event of a rule.
pub(crate) const EVENT: &str = "event";

/// All topics.
pub(crate) const ALL: [&str; 4] = [POSE, SKELETON, END, EVENT];
