//! From a message to the wire.

use std::fmt::Display;

use bytes::Bytes;

use super::{Message, Payload, json};
use crate::names::{self, KEEP_ALIVE};
use crate::transfer::{FileMeta, FileName, UploadResume, UploadStart};

impl Message {
    /// The message as it stands on the wire. A chunk is handed on, not copied.
    pub fn encode(&self) -> Payload {
        let kind = self.kind();
        Payload::Text(match self {
            Message::Chunk(data) => return Payload::Binary(data.clone()),
            Message::KeepAlive => return Payload::Binary(Bytes::from_static(KEEP_ALIVE)),
            Message::StreamStart(body) => json::write(kind, body),
            Message::StreamAck(body) => json::write(kind, body),
            Message::StreamEnd(body) => json::write(kind, body),
            Message::StreamComplete(body) => json::write(kind, body),
            Message::Prediction(body) => json::write(kind, body),
            Message::FrameReceived(body) => json::write(kind, body),
            Message::Error(body) => json::write(kind, body),
            Message::Backpressure(body) => json::write(kind, body),
            Message::Drain => json::write_bare(kind),
            Message::View(body) => json::write(kind, body),
            Message::Picture(body) => json::write(kind, body),
            Message::Status(body) => json::write(kind, body),
            Message::TrackNames(body) => json::write(kind, body),
            Message::Zones(body) => json::write(kind, body),
            Message::Rules(body) => json::write(kind, body),
            Message::ZoneEdit(body) => json::write(kind, body),
            Message::ZoneResult(body) => json::write(kind, body),
            Message::LaneOffer(body) => json::write(kind, body),
            Message::LaneAnswer(body) => json::write(kind, body),
            Message::ShardReport(body) => json::write(kind, body),
            Message::Unit(unit) => unit.to_string(),
            Message::FrameMeta(meta) => meta.to_string(),
            Message::FrameEnd(frame_id) => word(kind, frame_id),
            Message::ShardsSent(n) | Message::ShardsKept(n) | Message::Lanes(n) => word(kind, n),
            Message::BatchStart(n) | Message::BatchEnd(n) => word(kind, n),
            Message::AuthProof(proof) => word(kind, proof),
            Message::PackageType(package) => word(kind, package.as_str()),
            Message::FileMeta(meta) => file_meta(meta),
            Message::UploadCheck {
                sha256,
                name,
                resume,
            } => upload_check(sha256, name, resume.as_ref()),
            Message::UploadReady(Some(offset)) => word(kind, offset),
            Message::UploadStart(start) => upload_start(start),
            Message::Progress { received, total } => progress(*received, *total),
            Message::InferenceJob(rest) => format!("{}{rest}", names::INFERENCE_JOB_),
            Message::TrackLog(line) => format!("{}{line}", names::TRACK_LOG),
            Message::Unknown { text } => text.clone(),
            Message::AuthChallenge(text)
            | Message::AuthResponse(text)
            | Message::AuthSuccess(Some(text))
            | Message::AuthFailure(text)
            | Message::CacheHit(text)
            | Message::Complete(text)
            | Message::UploadError(text)
            | Message::FileError(text) => word(kind, text),
            Message::AuthSuccess(None)
            | Message::EndOfFile
            | Message::UploadReady(None)
            | Message::UploadEnd
            | Message::Ready
            | Message::InferenceJobsDone => kind.to_owned(),
        })
    }
}

fn word(word: &str, rest: impl Display) -> String {
    format!("{word}::{rest}")
}

fn file_meta(meta: &FileMeta) -> String {
    let announced = word(
        names::FILE_META,
        format_args!("{}:{}", meta.name, meta.size),
    );
    match &meta.extra {
        Some(extra) => format!("{announced}:{extra}"),
        None => announced,
    }
}

fn progress(received: u64, total: u64) -> String {
    word(names::UPLOAD_PROGRESS, format_args!("{received}::{total}"))
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
        names::UPLOAD_START,
        format_args!("{name}::{bytes}::{dest}::{flag}"),
    )
}

fn upload_check(sha256: &str, name: &FileName, resume: Option<&UploadResume>) -> String {
    let asked = word(names::UPLOAD_CHECK, format_args!("{sha256}::{name}"));
    match resume {
        Some(UploadResume { bytes, upload_id }) => format!("{asked}::{bytes}::{upload_id}"),
        None => asked,
    }
}
