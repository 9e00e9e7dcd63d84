//! Streams of clients: who may stream, which streams are served, where a frame's result goes.

mod live_rates;
mod result_route;
mod served_streams;
mod shown_rules;
mod stream_name;
mod stream_queue;
mod stream_slots;
mod stream_tracks;
mod worker_tracking;

pub(crate) use live_rates::{LiveRoom, StreamDemand};
pub(crate) use result_route::{FrameOrigin, ReplyPlace, ResultRoute, StreamCounts};
pub(crate) use served_streams::{RulesWatch, ServedStreamGuard, ServedStreams};
pub(crate) use shown_rules::{ShownRules, refused};
pub(crate) use stream_name::plain as plain_name;
pub(crate) use stream_slots::{NoSlot, StreamAvailability, StreamPermit, StreamSlots};
pub(crate) use worker_tracking::WorkerTracking;
