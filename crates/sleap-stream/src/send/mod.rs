//! The sending half: from a captured frame to the link, and what is known of frames in flight.

pub(crate) mod adapt;
pub(crate) mod batch;
pub(crate) mod deadline;
pub(crate) mod encode_stage;
pub(crate) mod flow;
pub(crate) mod frame_encoder;
pub(crate) mod frame_list;
pub(crate) mod frame_watcher;
pub(crate) mod in_flight;
pub(crate) mod latency;
pub(crate) mod pipeline;
pub(crate) mod plan;
pub(crate) mod queue;
pub(crate) mod source_queue;
pub(crate) mod uplink;
