//! From the wire to a message.

use bytes::Bytes;

use super::{Message, json};
use crate::auth::AuthProof;
use crate::error::DecodeError;
use crate::fields::{digits, excerpt};
use crate::frame_meta::FrameMeta;
use crate::lanes::{MAX_LANES, UnitHeader};
use crate::limits::Limits;
use crate::names::{self, KEEP_ALIVE};
use crate::transfer::{FileMeta, FileName, PackageType, UploadResume, UploadStart};

impl Message {
    /// Reads a text message. A text that is not known is [`Message::Unknown`], not an error.
    pub fn from_text(text: &str, limits: &Limits) -> Result<Message, DecodeError> {
        if text.len() > limits.max_text_bytes {
            return Err(DecodeError::TextTooLong {
                bytes: text.len(),
                max: limits.max_text_bytes,
            });
        }
        if text.starts_with('{') {
            return json::read(text, limits);
        }
        if let Some(message) = bare_word(text) {
            return Ok(message);
        }
        let known = match text.split_once("::") {
            Some((word, rest)) => match stream_word(word, rest, limits) {
                Some(result) => Some(result),
                None => transfer_word(word, rest),
            },
            None => None,
        };
        known.unwrap_or_else(|| {
            Ok(Message::Unknown {
                text: text.to_owned(),
            })
        })
    }

    /// Reads a binary message: the keep-alive, or bytes of a frame or file. Nothing is copied.
    pub fn from_binary(data: Bytes, limits: &Limits) -> Result<Message, DecodeError> {
        if data.len() > limits.max_chunk_bytes {
            return Err(DecodeError::ChunkTooLarge {
                bytes: data.len(),
                max: limits.max_chunk_bytes,
            });
        }
        if data[..] == KEEP_ALIVE[..] {
            return Ok(Message::KeepAlive);
        }
        Ok(Message::Chunk(data))
    }
}

/// Words without a `::`.
fn bare_word(text: &str) -> Option<Message> {
    Some(match text {
        names::AUTH_SUCCESS => Message::AuthSuccess(None),
        names::AUTH_FAILURE => Message::AuthFailure(String::new()),
        names::END_OF_FILE => Message::EndOfFile,
        names::UPLOAD_READY => Message::UploadReady(None),
        names::UPLOAD_END => Message::UploadEnd,
        names::READY => Message::Ready,
        names::INFERENCE_JOBS_DONE => Message::InferenceJobsDone,
        _ => {
            if let Some(line) = text.strip_prefix(names::TRACK_LOG) {
                Message::TrackLog(line.to_owned())
            } else {
                Message::InferenceJob(text.strip_prefix(names::INFERENCE_JOB_)?.to_owned())
            }
        }
    })
}

/// Words of frame streaming and authentication; `None` for a word that is none of them.
fn stream_word(word: &str, rest: &str, limits: &Limits) -> Option<Result<Message, DecodeError>> {
    let owned = || rest.to_owned();
    Some(match word {
        names::FRAME_META => FrameMeta::from_wire(rest, limits)
            .map(Message::FrameMeta)
            .map_err(|(frame_id, source)| DecodeError::FrameMeta { frame_id, source }),
        names::FRAME_END => number(names::FRAME_END, "frame_id", rest).map(Message::FrameEnd),
        names::BATCH_START => batch_size(names::BATCH_START, rest, limits).map(Message::BatchStart),
        names::BATCH_END => batch_size(names::BATCH_END, rest, limits).map(Message::BatchEnd),
        names::LANES => lanes(rest).map(Message::Lanes),
        names::SHARDS_SENT => number(names::SHARDS_SENT, "unit", rest).map(Message::ShardsSent),
        names::SHARDS_KEPT => number(names::SHARDS_KEPT, "time", rest).map(Message::ShardsKept),
        names::UNIT => UnitHeader::from_wire(rest).map(Message::Unit),
        names::AUTH_CHALLENGE => Ok(Message::AuthChallenge(owned())),
        names::AUTH_RESPONSE => Ok(Message::AuthResponse(owned())),
        names::AUTH_PROOF => AuthProof::from_wire(rest).map(Message::AuthProof),
        names::AUTH_SUCCESS => Ok(Message::AuthSuccess(Some(owned()))),
        names::AUTH_FAILURE => Ok(Message::AuthFailure(owned())),
        _ => return None,
    })
}

/// Words of file transfer and jobs; `None` for a word that is none of them.
fn transfer_word(word: &str, rest: &str) -> Option<Result<Message, DecodeError>> {
    let owned = || rest.to_owned();
    Some(match word {
        names::PACKAGE_TYPE => Ok(Message::PackageType(PackageType::from_wire(rest))),
        names::FILE_META => file_meta(rest),
        names::UPLOAD_CHECK => upload_check(rest),
        names::UPLOAD_START => upload_start(rest),
        names::UPLOAD_READY => {
            number(names::UPLOAD_READY, "offset", rest).map(|at| Message::UploadReady(Some(at)))
        }
        names::UPLOAD_CACHE_HIT | names::short::CACHE_HIT => Ok(Message::CacheHit(owned())),
        names::UPLOAD_PROGRESS | names::short::PROGRESS => progress(rest),
        names::UPLOAD_COMPLETE | names::short::COMPLETE => Ok(Message::Complete(owned())),
        names::UPLOAD_ERROR => Ok(Message::UploadError(owned())),
        names::ERROR => Ok(Message::FileError(owned())),
        _ => return None,
    })
}

fn batch_size(word: &'static str, text: &str, limits: &Limits) -> Result<u32, DecodeError> {
    let declared = number(word, "frame count", text)?;
    if declared > limits.max_batch {
        return Err(DecodeError::BatchTooLarge {
            word,
            declared,
            max: limits.max_batch,
        });
    }
    Ok(declared)
}

fn lanes(text: &str) -> Result<u32, DecodeError> {
    let declared: u32 = number(names::LANES, "number of lanes", text)?;
    match (1..=MAX_LANES as u32).contains(&declared) {
        true => Ok(declared),
        false => Err(field(names::LANES, "number of lanes", text)),
    }
}

/// `{name}:{size}[:{anything}]`
fn file_meta(rest: &str) -> Result<Message, DecodeError> {
    const WORD: &str = names::FILE_META;
    let parts: Vec<&str> = rest.splitn(3, ':').collect();
    let &[name, size, ..] = parts.as_slice() else {
        return Err(missing(WORD, 2, parts.len()));
    };
    Ok(Message::FileMeta(FileMeta {
        name: file_name(WORD, name)?,
        size: number(WORD, "size", size)?,
        extra: parts.get(2).map(|&extra| extra.to_owned()),
    }))
}

/// `{sha256}::{name}[::{bytes}::{upload_id}[::{anything}]]`
fn upload_check(rest: &str) -> Result<Message, DecodeError> {
    const WORD: &str = names::UPLOAD_CHECK;
    let mut parts = rest.split("::");
    let (Some(sha256), Some(name)) = (parts.next(), parts.next()) else {
        return Err(missing(WORD, 2, 1));
    };
    if sha256.len() != 64 || !sha256.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Err(field(WORD, "SHA-256", sha256));
    }
    Ok(Message::UploadCheck {
        sha256: sha256.to_owned(),
        name: file_name(WORD, name)?,
        resume: match (parts.next(), parts.next()) {
            (None, _) => None,
            (Some(_), None) => return Err(missing(WORD, 4, 3)),
            (Some(bytes), Some(id)) => Some(UploadResume {
                bytes: number(WORD, "size", bytes)?,
                upload_id: upload_id(WORD, id)?,
            }),
        },
    })
}

/// 1 to 64 letters and digits.
fn upload_id(word: &'static str, text: &str) -> Result<String, DecodeError> {
    let is_known = |byte: u8| byte.is_ascii_alphanumeric();
    match (1..=64).contains(&text.len()) && text.bytes().all(is_known) {
        true => Ok(text.to_owned()),
        false => Err(field(word, "upload id", text)),
    }
}

/// `{name}::{bytes}::{dest}::{0|1}`; only the directory may itself hold `::`.
fn upload_start(rest: &str) -> Result<Message, DecodeError> {
    const WORD: &str = names::UPLOAD_START;
    let parts: Vec<&str> = rest.splitn(3, "::").collect();
    let &[name, bytes, tail] = parts.as_slice() else {
        return Err(missing(WORD, 4, parts.len()));
    };
    let Some((dest, create_subdir)) = tail.rsplit_once("::") else {
        return Err(missing(WORD, 4, 3));
    };
    Ok(Message::UploadStart(UploadStart {
        name: file_name(WORD, name)?,
        bytes: number(WORD, "size", bytes)?,
        dest: dest.to_owned(),
        create_subdir: match create_subdir {
            "0" => false,
            "1" => true,
            other => return Err(field(WORD, "flag", other)),
        },
    }))
}

/// `{received}::{total}`
fn progress(rest: &str) -> Result<Message, DecodeError> {
    const WORD: &str = names::UPLOAD_PROGRESS;
    let Some((received, total)) = rest.split_once("::") else {
        return Err(missing(WORD, 2, 1));
    };
    Ok(Message::Progress {
        received: number(WORD, "byte count", received)?,
        total: number(WORD, "byte count", total)?,
    })
}

fn file_name(word: &'static str, name: &str) -> Result<FileName, DecodeError> {
    FileName::new(name).map_err(|source| DecodeError::FileName { word, source })
}

fn number<T: std::str::FromStr>(
    word: &'static str,
    name: &'static str,
    text: &str,
) -> Result<T, DecodeError> {
    digits(text).ok_or_else(|| field(word, name, text))
}

fn field(word: &'static str, field: &'static str, text: &str) -> DecodeError {
    DecodeError::Field {
        word,
        field,
        text: excerpt(text),
    }
}

fn missing(word: &'static str, expected: usize, found: usize) -> DecodeError {
    DecodeError::MissingFields {
        word,
        expected,
        found,
    }
}
