#![doc = include_str!("../README.md")]
#![warn(clippy::print_stdout, clippy::print_stderr)]
#![warn(missing_docs)]

mod ack;
mod auth;
mod clock;
pub mod coded;
mod derived;
mod error;
mod fields;
mod frame;
mod frame_meta;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
mod lanes;
mod limits;
mod message;
mod names;
mod number;
mod prediction;
mod reassemble;
mod rule_view;
mod scale;
mod stream;
pub mod text;
mod track_names;
mod transfer;
mod version;
mod view;

pub use ack::{AckStatus, VerificationMode};
pub use auth::AuthProof;
pub use clock::CaptureClock;
pub use derived::{AheadPoses, DerivedPoses, SmoothPoses};
pub use error::DecodeError;
pub use frame::Frame;
pub use frame_meta::{Encoding, FrameId, FrameMeta, MetaError};
pub use lanes::{
    LaneAnswer, LaneOffer, MAX_LANES, MAX_LATE_UNITS, MAX_LOST_RUNS, MAX_SHARD_LANES, ShardReport,
    UnitHeader, offer_shard_lanes, offered_shard_lanes,
};
pub use limits::{CHUNK_BYTES, HEARTBEAT, Limits, PEER_SILENCE};
pub use message::{Message, Payload};
pub use prediction::{Backpressure, FrameError, FrameReceived, Prediction, ShapeError, Timing};
pub use reassemble::{BatchEvent, DropReason, Dropped, Pushed, Reassembler};
pub use rule_view::{
    MAX_RULE_EVENTS, MAX_ZONE_CORNERS, MAX_ZONES, RuleEvent, RuleSide, RuleState, RuleViewError,
    ZoneEdit, ZoneOutline, ZoneResult, ZoneShape, Zones, is_shown_name,
};
pub use scale::Scale;
pub use stream::{ModelInfo, Skeleton, StreamAck, StreamComplete, StreamEnd, StreamStart};
pub use track_names::{
    MAX_TRACK_NAME_CHARS, MAX_TRACK_NAMES, TrackNames, track_called, track_name, track_number,
};
pub use transfer::{
    FileMeta, FileName, FileNameError, JobStatus, PackageType, UploadResume, UploadStart,
    checksum_of, checksum_text, hex,
};
pub use version::versions_fit;
pub use view::{ListedStream, Percentiles, PictureOf, StreamStatus, ViewRequest, WorkerStatus};

/// Label of the data channel that carries a frame stream.
pub const CHANNEL_LABEL: &str = "frame-stream";
