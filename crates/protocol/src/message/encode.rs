//! From a message to the wire.

use std::fmt::Display;

use bytes::Bytes;

use super::{Message, Payload, json};
use crate::transfer::{FileMeta, Resume, UploadStart};
use crate::words::{self, KEEP_ALIVE};

impl Message {
    /// The message as it stands on the wire. A chunk is handed on, not copied.
    pub fn encode(&self) -> Payload {
        Payload::Text(match self {
            Message::Chunk(data) => return Payload::Binary(data.clone()),
            Message::KeepAlive => return Payload::Binary(Bytes::from_static(KEEP_ALIVE)),

            Message::StreamStart(body) => json::write(words::STREAM_START, body),
            Message::StreamAck(body) => json::write(words::STREAM_ACK, body),
            Message::StreamEnd(body) => json::write(words::STREAM_END, body),
            Message::StreamComplete(body) => json::write(words::STREAM_COMPLETE, body),
            Message::Prediction(body) => json::write(words::PREDICTION, body),
            Message::FrameReceived(body) => json::write(words::FRAME_RECEIVED, body),
            Message::Error(body) => json::write(words::ERROR, body),
            Message::Backpressure(body) => json::write(words::BACKPRESSURE, body),

            Message::View(body) => json::write(words::VIEW, body),
            Message::Status(body) => json::write(words::STATUS, body),

            Message::LaneOffer(body) => json::write(words::LANE_OFFER, body),
            Message::LaneAnswer(body) => json::write(words::LANE_ANSWER, body),
            Message::Lanes(lanes) => word(words::LANES, lanes),
            Message::Unit(unit) => unit.to_string(),

            Message::FrameMeta(meta) => meta.to_string(),
            Message::FrameEnd(id) => word(words::FRAME_END, id),
            Message::BatchStart(frames) => word(words::BATCH_START, frames),
            Message::BatchEnd(frames) => word(words::BATCH_END, frames),

            Message::AuthChallenge(nonce) => word(words::AUTH_CHALLENGE, nonce),
            Message::AuthResponse(answer) => word(words::AUTH_RESPONSE, answer),
            Message::AuthProof(proof) => word(words::AUTH_PROOF, proof),
            Message::AuthSuccess(Some(proof)) => word(words::AUTH_SUCCESS, proof),
            Message::AuthFailure(reason) => word(words::AUTH_FAILURE, reason),

            Message::PackageType(package) => word(words::PACKAGE_TYPE, package.as_str()),
            Message::FileMeta(meta) => file_meta(meta),
            Message::UploadCheck {
                sha256,
                name,
                resume: None,
            } => word(words::UPLOAD_CHECK, format_args!("{sha256}::{name}")),
            Message::UploadCheck {
                sha256,
                name,
                resume: Some(Resume { bytes, upload_id }),
            } => word(
                words::UPLOAD_CHECK,
                format_args!("{sha256}::{name}::{bytes}::{upload_id}"),
            ),
            Message::UploadReady(Some(offset)) => word(words::UPLOAD_READY, offset),
            Message::CacheHit(path) => word(words::UPLOAD_CACHE_HIT, path),
            Message::UploadStart(start) => upload_start(start),
            Message::Progress { received, total } => {
                word(words::UPLOAD_PROGRESS, format_args!("{received}::{total}"))
            }
            Message::Complete(path) => word(words::UPLOAD_COMPLETE, path),
            Message::UploadError(reason) => word(words::UPLOAD_ERROR, reason),

            Message::FileError(reason) => word(words::ERROR, reason),
            Message::InferenceJob(rest) => format!("{}{rest}", words::INFERENCE_JOB_),
            Message::TrackLog(line) => format!("{}{line}", words::TRACK_LOG),
            Message::Unknown { text } => text.clone(),

            // A word and nothing else.
            Message::AuthSuccess(None)
            | Message::EndOfFile
            | Message::UploadReady(None)
            | Message::UploadEnd
            | Message::Ready
            | Message::InferenceJobsDone => self.kind().to_owned(),
        })
    }
}

fn word(word: &str, rest: impl Display) -> String {
    format!("{word}::{rest}")
}

fn file_meta(meta: &FileMeta) -> String {
    let announced = word(
        words::FILE_META,
        format_args!("{}:{}", meta.name, meta.size),
    );
    match &meta.extra {
        Some(extra) => format!("{announced}:{extra}"),
        None => announced,
    }
}

fn upload_start(start: &UploadStart) -> String {
    let UploadStart {
        name,
        bytes,
        dest,
        create_subdir,
    } = start;
    let flag = u8::from(*create_subdir);
    word(
        words::UPLOAD_START,
        format_args!("{name}::{bytes}::{dest}::{flag}"),
    )
}
