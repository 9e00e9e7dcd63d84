//! Streams of clients: who may stream, which stream is served, where a frame's result goes.

mod current_stream;
mod result_route;
mod shown_rules;
mod stream_queue;
mod stream_slot;
mod stream_tracks;
mod worker_tracking;

pub(crate) use current_stream::{CurrentStream, CurrentStreamGuard};
pub(crate) use result_route::{FrameOrigin, ResultRoute, StreamCounts};
pub(crate) use shown_rules::{RulesWatch, ShownRules, refused};
pub(crate) use stream_slot::{StreamAvailability, StreamPermit, StreamSlot};
pub(crate) use worker_tracking::WorkerTracking;
