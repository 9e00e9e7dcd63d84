//! One data-channel message: decoding and encoding.

mod decode;
mod encode;
mod json;

use std::fmt;

use bytes::Bytes;

use crate::auth::AuthProof;
use crate::frame_meta::{FrameId, FrameMeta};
use crate::lanes::{LaneAnswer, LaneOffer, ShardReport, UnitHeader};
use crate::names;
use crate::prediction::{Backpressure, FrameError, FrameReceived, Prediction};
use crate::rule_view::{RuleState, ZoneEdit, ZoneResult, Zones};
use crate::stream::{StreamAck, StreamComplete, StreamEnd, StreamStart};
use crate::track_names::TrackNames;
use crate::transfer::{FileMeta, FileName, PackageType, UploadResume, UploadStart};
use crate::view::{PictureOf, ViewRequest, WorkerStatus};

/// One data-channel message as it stands on the wire.
#[derive(Clone, PartialEq, Eq)]
pub enum Payload {
    /// A text message.
    Text(String),
    /// A binary message.
    Binary(Bytes),
}

impl Payload {
    /// Bytes on the wire.
    pub fn len(&self) -> usize {
        match self {
            Payload::Text(text) => text.len(),
            Payload::Binary(data) => data.len(),
        }
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for Payload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Payload::Text(text) => f.debug_tuple("Text").field(text).finish(),
            Payload::Binary(data) => write!(f, "Binary({} bytes)", data.len()),
        }
    }
}

/// One message with its meaning. The forms are in the crate's documentation.
#[derive(Clone, PartialEq)]
#[non_exhaustive]
pub enum Message {
    /// Opens a stream.
    StreamStart(StreamStart),
    /// Answers `StreamStart`.
    StreamAck(StreamAck),
    /// Closes a stream.
    StreamEnd(StreamEnd),
    /// Answers `StreamEnd`.
    StreamComplete(StreamComplete),

    /// Announces a frame.
    FrameMeta(FrameMeta),
    /// Bytes of a frame, or of a file.
    Chunk(Bytes),
    /// Ends a frame.
    FrameEnd(FrameId),
    /// Opens a batch of that many frames.
    BatchStart(u32),
    /// Closes a batch of that many frames.
    BatchEnd(u32),

    /// The instances found in a frame.
    Prediction(Prediction),
    /// A frame arrived at a worker without a model.
    FrameReceived(FrameReceived),
    /// One frame failed; the stream continues.
    Error(FrameError),
    /// Frames come faster than the worker takes them.
    Backpressure(Backpressure),
    /// The worker is about to end: the stream is to go on at another one.
    Drain,

    /// Asks for pictures of the stream.
    View(ViewRequest),
    /// Whose picture follows, for viewers.
    Picture(PictureOf),
    /// The worker's state, for viewers.
    Status(Box<WorkerStatus>),
    /// Names that tracks get or lose.
    TrackNames(TrackNames),
    /// The zones of rules.
    Zones(Zones),
    /// What rules have come to.
    Rules(RuleState),
    /// Gives a zone a shape.
    ZoneEdit(ZoneEdit),
    /// Answers `ZoneEdit`.
    ZoneResult(ZoneResult),

    /// Asks for a further lane.
    LaneOffer(LaneOffer),
    /// Answers `LaneOffer`.
    LaneAnswer(LaneAnswer),
    /// What follows on this lane, and all that is sent on others, is in units: the number of lanes.
    Lanes(u32),
    /// Announces a unit.
    Unit(UnitHeader),
    /// What became of units that were sent as shards.
    ShardReport(ShardReport),
    /// The units before this one were sent as shards before what follows.
    ShardsSent(u32),
    /// The sender keeps what it sends as shards, for so many milliseconds: missing ones may be asked for.
    ShardsKept(u32),

    /// Keeps the channel alive, and has no content.
    KeepAlive,

    /// The nonce that the client has to answer, URL-safe base64.
    AuthChallenge(String),
    /// The client's answer, URL-safe base64, where it is not bound to the connection.
    AuthResponse(String),
    /// The client's answer that is bound to the connection.
    AuthProof(AuthProof),
    /// The worker lets the client in. With its own proof where the client gave one.
    AuthSuccess(Option<String>),
    /// `invalid`, `timeout` or `missing`.
    AuthFailure(String),

    /// What the file that follows is for.
    PackageType(PackageType),
    /// Announces a file.
    FileMeta(FileMeta),
    /// Ends a file.
    EndOfFile,
    /// Asks whether the worker has a file with this SHA-256 (64 hex digits) already.
    UploadCheck {
        /// The file's SHA-256, 64 hex digits.
        sha256: String,
        /// The file's name.
        name: FileName,
        /// Given by a client that can resume an upload.
        resume: Option<UploadResume>,
    },
    /// The worker has the file: its path there.
    CacheHit(String),
    /// The worker has not got it, or is ready for the bytes: those from this offset on, where the
    /// client can resume.
    UploadReady(Option<u64>),
    /// Begins an upload.
    UploadStart(UploadStart),
    /// Ends an upload.
    UploadEnd,
    /// How far an upload is.
    Progress {
        /// Bytes that have arrived.
        received: u64,
        /// Bytes of the file.
        total: u64,
    },
    /// The upload is complete: the path on the worker.
    Complete(String),
    /// The upload failed.
    UploadError(String),

    /// The worker takes a job.
    Ready,
    /// A job or file failed (`ERROR::`).
    FileError(String),
    /// `INFERENCE_JOB_…`: what follows the underscore.
    InferenceJob(String),
    /// All jobs of the file are over.
    InferenceJobsDone,
    /// One line of a job's log.
    TrackLog(String),

    /// A text that is not known to this version: safe to ignore.
    Unknown {
        /// As it came.
        text: String,
    },
}

impl Message {
    /// The name of the message's kind, for logs and counters.
    pub fn kind(&self) -> &'static str {
        match self {
            Message::StreamStart(_) => names::STREAM_START,
            Message::StreamAck(_) => names::STREAM_ACK,
            Message::StreamEnd(_) => names::STREAM_END,
            Message::StreamComplete(_) => names::STREAM_COMPLETE,
            Message::FrameMeta(_) => names::FRAME_META,
            Message::Chunk(_) => "chunk",
            Message::FrameEnd(_) => names::FRAME_END,
            Message::BatchStart(_) => names::BATCH_START,
            Message::BatchEnd(_) => names::BATCH_END,
            Message::Prediction(_) => names::PREDICTION,
            Message::FrameReceived(_) => names::FRAME_RECEIVED,
            Message::Error(_) | Message::FileError(_) => names::ERROR,
            Message::Backpressure(_) => names::BACKPRESSURE,
            Message::Drain => names::DRAIN,
            Message::View(_) => names::VIEW,
            Message::Picture(_) => names::PICTURE,
            Message::Status(_) => names::STATUS,
            Message::TrackNames(_) => names::TRACK_NAMES,
            Message::Zones(_) => names::ZONES,
            Message::Rules(_) => names::RULES,
            Message::ZoneEdit(_) => names::ZONE_EDIT,
            Message::ZoneResult(_) => names::ZONE_RESULT,
            Message::LaneOffer(_) => names::LANE_OFFER,
            Message::LaneAnswer(_) => names::LANE_ANSWER,
            Message::Lanes(_) => names::LANES,
            Message::Unit(_) => names::UNIT,
            Message::ShardReport(_) => names::SHARD_REPORT,
            Message::ShardsSent(_) => names::SHARDS_SENT,
            Message::ShardsKept(_) => names::SHARDS_KEPT,
            Message::KeepAlive => "KEEP_ALIVE",
            Message::AuthChallenge(_) => names::AUTH_CHALLENGE,
            Message::AuthResponse(_) => names::AUTH_RESPONSE,
            Message::AuthProof(_) => names::AUTH_PROOF,
            Message::AuthSuccess(_) => names::AUTH_SUCCESS,
            Message::AuthFailure(_) => names::AUTH_FAILURE,
            Message::PackageType(_) => names::PACKAGE_TYPE,
            Message::FileMeta(_) => names::FILE_META,
            Message::EndOfFile => names::END_OF_FILE,
            Message::UploadCheck { .. } => names::UPLOAD_CHECK,
            Message::CacheHit(_) => names::UPLOAD_CACHE_HIT,
            Message::UploadReady(_) => names::UPLOAD_READY,
            Message::UploadStart(_) => names::UPLOAD_START,
            Message::UploadEnd => names::UPLOAD_END,
            Message::Progress { .. } => names::UPLOAD_PROGRESS,
            Message::Complete(_) => names::UPLOAD_COMPLETE,
            Message::UploadError(_) => names::UPLOAD_ERROR,
            Message::Ready => names::READY,
            Message::InferenceJob(_) => "INFERENCE_JOB",
            Message::InferenceJobsDone => names::INFERENCE_JOBS_DONE,
            Message::TrackLog(_) => "TRACK_LOG",
            Message::Unknown { .. } => "unknown",
        }
    }
}

impl fmt::Debug for Message {
    /// The wire form, cut to a readable length; of a chunk only its length.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MAX_CHARS: usize = 400;
        match (self, self.encode()) {
            (Message::Unknown { text }, _) => {
                let shown: String = text.chars().take(MAX_CHARS).collect();
                write!(f, "Unknown({shown:?})")
            }
            (_, Payload::Text(text)) => {
                let shown: String = text.chars().take(MAX_CHARS).collect();
                write!(f, "Message({shown:?})")
            }
            (_, Payload::Binary(data)) => write!(f, "{}({} bytes)", self.kind(), data.len()),
        }
    }
}
