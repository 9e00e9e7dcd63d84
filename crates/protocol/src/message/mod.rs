//! One data-channel message, and its two directions: [`decode`] and [`encode`].

mod decode;
mod encode;
mod json;

use std::fmt;

use bytes::Bytes;

use crate::auth::AuthProof;
use crate::frame_meta::{FrameId, FrameMeta};
use crate::lanes::{LaneAnswer, LaneOffer, Unit};
use crate::prediction::{Backpressure, FrameError, FrameReceived, Prediction};
use crate::stream::{StreamAck, StreamComplete, StreamEnd, StreamStart};
use crate::transfer::{FileMeta, FileName, PackageType, Resume, UploadStart};
use crate::view::{Status, View};
use crate::words;

/// One data-channel message as it stands on the wire.
#[derive(Clone, PartialEq, Eq)]
pub enum Payload {
    Text(String),
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
    StreamStart(StreamStart),
    StreamAck(StreamAck),
    StreamEnd(StreamEnd),
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

    Prediction(Prediction),
    FrameReceived(FrameReceived),
    /// One frame failed; the stream goes on.
    Error(FrameError),
    /// Frames come faster than the worker takes them.
    Backpressure(Backpressure),

    /// Asks for pictures of the stream.
    View(View),
    /// How the worker is, for viewers.
    Status(Status),

    LaneOffer(LaneOffer),
    LaneAnswer(LaneAnswer),
    /// What follows on this lane, and all that is sent on others, is in units.
    Lanes(u32),
    /// Announces a unit.
    Unit(Unit),

    /// Nothing but a sign of life.
    KeepAlive,

    /// The nonce that the client has to answer, URL-safe base64.
    AuthChallenge(String),
    /// The client's answer, URL-safe base64; bound to nothing.
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
        sha256: String,
        name: FileName,
        /// What a client says that can go on with an upload.
        resume: Option<Resume>,
    },
    /// It has: the path on the worker.
    CacheHit(String),
    /// It has not, or is ready for the bytes: those from here on, where the client can resume.
    UploadReady(Option<u64>),
    UploadStart(UploadStart),
    UploadEnd,
    /// Bytes of the upload that have arrived.
    Progress {
        received: u64,
        total: u64,
    },
    /// The upload is done: the path on the worker.
    Complete(String),
    /// The upload failed.
    UploadError(String),

    /// The worker takes a job.
    Ready,
    /// A job or file failed (`ERROR::`).
    FileError(String),
    /// `INFERENCE_JOB_…`: what follows the underscore.
    InferenceJob(String),
    InferenceJobsDone,
    /// One line of a job's log.
    TrackLog(String),

    /// A text that this version does not know: safe to ignore.
    Unknown {
        text: String,
    },
}

impl Message {
    /// The name of the message's kind, for logs and counters.
    pub fn kind(&self) -> &'static str {
        match self {
            Message::StreamStart(_) => words::STREAM_START,
            Message::StreamAck(_) => words::STREAM_ACK,
            Message::StreamEnd(_) => words::STREAM_END,
            Message::StreamComplete(_) => words::STREAM_COMPLETE,
            Message::FrameMeta(_) => words::FRAME_META,
            Message::Chunk(_) => "chunk",
            Message::FrameEnd(_) => words::FRAME_END,
            Message::BatchStart(_) => words::BATCH_START,
            Message::BatchEnd(_) => words::BATCH_END,
            Message::Prediction(_) => words::PREDICTION,
            Message::FrameReceived(_) => words::FRAME_RECEIVED,
            Message::Error(_) | Message::FileError(_) => words::ERROR,
            Message::Backpressure(_) => words::BACKPRESSURE,
            Message::View(_) => words::VIEW,
            Message::Status(_) => words::STATUS,
            Message::LaneOffer(_) => words::LANE_OFFER,
            Message::LaneAnswer(_) => words::LANE_ANSWER,
            Message::Lanes(_) => words::LANES,
            Message::Unit(_) => words::UNIT,
            Message::KeepAlive => "KEEP_ALIVE",
            Message::AuthChallenge(_) => words::AUTH_CHALLENGE,
            Message::AuthResponse(_) => words::AUTH_RESPONSE,
            Message::AuthProof(_) => words::AUTH_PROOF,
            Message::AuthSuccess(_) => words::AUTH_SUCCESS,
            Message::AuthFailure(_) => words::AUTH_FAILURE,
            Message::PackageType(_) => words::PACKAGE_TYPE,
            Message::FileMeta(_) => words::FILE_META,
            Message::EndOfFile => words::END_OF_FILE,
            Message::UploadCheck { .. } => words::UPLOAD_CHECK,
            Message::CacheHit(_) => words::UPLOAD_CACHE_HIT,
            Message::UploadReady(_) => words::UPLOAD_READY,
            Message::UploadStart(_) => words::UPLOAD_START,
            Message::UploadEnd => words::UPLOAD_END,
            Message::Progress { .. } => words::UPLOAD_PROGRESS,
            Message::Complete(_) => words::UPLOAD_COMPLETE,
            Message::UploadError(_) => words::UPLOAD_ERROR,
            Message::Ready => words::READY,
            Message::InferenceJob(_) => "INFERENCE_JOB",
            Message::InferenceJobsDone => words::INFERENCE_JOBS_DONE,
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
