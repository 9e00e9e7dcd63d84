//! The words that name messages on the wire.

/// The binary message that only keeps the channel alive.
pub(crate) const KEEP_ALIVE: &[u8; 10] = b"KEEP_ALIVE";

pub(crate) const STREAM_START: &str = "STREAM_START";
pub(crate) const STREAM_ACK: &str = "STREAM_ACK";
pub(crate) const STREAM_END: &str = "STREAM_END";
pub(crate) const STREAM_COMPLETE: &str = "STREAM_COMPLETE";
pub(crate) const PREDICTION: &str = "PREDICTION";
pub(crate) const FRAME_RECEIVED: &str = "FRAME_RECEIVED";
pub(crate) const BACKPRESSURE: &str = "BACKPRESSURE";
pub(crate) const DRAIN: &str = "DRAIN";
/// A JSON type (one frame failed) and a text word (a job or file failed).
pub(crate) const ERROR: &str = "ERROR";

pub(crate) const VIEW: &str = "VIEW";
pub(crate) const PICTURE: &str = "PICTURE";
pub(crate) const STATUS: &str = "STATUS";
pub(crate) const TRACK_NAMES: &str = "TRACK_NAMES";
pub(crate) const ZONES: &str = "ZONES";
pub(crate) const RULES: &str = "RULES";
pub(crate) const ZONE_EDIT: &str = "ZONE_EDIT";
pub(crate) const ZONE_RESULT: &str = "ZONE_RESULT";

pub(crate) const LANE_OFFER: &str = "LANE_OFFER";
pub(crate) const LANE_ANSWER: &str = "LANE_ANSWER";
pub(crate) const LANES: &str = "LANES";
pub(crate) const UNIT: &str = "UNIT";
pub(crate) const SHARD_REPORT: &str = "SHARD_REPORT";
pub(crate) const SHARDS_SENT: &str = "SHARDS_SENT";
pub(crate) const SHARDS_KEPT: &str = "SHARDS_KEPT";

pub(crate) const FRAME_META: &str = "FRAME_META";
pub(crate) const FRAME_END: &str = "FRAME_END";
pub(crate) const BATCH_START: &str = "BATCH_START";
pub(crate) const BATCH_END: &str = "BATCH_END";

pub(crate) const AUTH_CHALLENGE: &str = "AUTH_CHALLENGE";
pub(crate) const AUTH_RESPONSE: &str = "AUTH_RESPONSE";
pub(crate) const AUTH_PROOF: &str = "AUTH_PROOF";
pub(crate) const AUTH_SUCCESS: &str = "AUTH_SUCCESS";
pub(crate) const AUTH_FAILURE: &str = "AUTH_FAILURE";

pub(crate) const PACKAGE_TYPE: &str = "PACKAGE_TYPE";
pub(crate) const FILE_META: &str = "FILE_META";
pub(crate) const END_OF_FILE: &str = "END_OF_FILE";
pub(crate) const UPLOAD_CHECK: &str = "FILE_UPLOAD_CHECK";
pub(crate) const UPLOAD_CACHE_HIT: &str = "FILE_UPLOAD_CACHE_HIT";
pub(crate) const UPLOAD_READY: &str = "FILE_UPLOAD_READY";
pub(crate) const UPLOAD_START: &str = "FILE_UPLOAD_START";
pub(crate) const UPLOAD_END: &str = "FILE_UPLOAD_END";
pub(crate) const UPLOAD_PROGRESS: &str = "FILE_UPLOAD_PROGRESS";
pub(crate) const UPLOAD_COMPLETE: &str = "FILE_UPLOAD_COMPLETE";
pub(crate) const UPLOAD_ERROR: &str = "FILE_UPLOAD_ERROR";

pub(crate) const READY: &str = "READY";
pub(crate) const INFERENCE_JOBS_DONE: &str = "INFERENCE_JOBS_DONE";
/// What follows is free text, without a `::`.
pub(crate) const INFERENCE_JOB_: &str = "INFERENCE_JOB_";
/// A single colon, unlike the others.
pub(crate) const TRACK_LOG: &str = "TRACK_LOG:";

/// Short forms of the answers to an upload, read but never written.
pub(crate) mod short {
    pub(crate) const CACHE_HIT: &str = "CACHE_HIT";
    pub(crate) const PROGRESS: &str = "PROGRESS";
    pub(crate) const COMPLETE: &str = "COMPLETE";
}
