//! The JSON messages that open and close a stream.

use serde::de::{Error, Unexpected};
use serde::{Deserialize, Serialize, Serializer};

use crate::ack::{AckStatus, VerificationMode};
use crate::number::{JsonInt, float_or_zero, int, optional_int, optional_positive};

/// Opens a stream (`STREAM_START`, client to worker). Keys that are missing take their default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamStart {
    /// File name, or `webcam:{index}`. For display, never a path.
    pub source_name: String,
    /// Whether the source is a camera.
    pub is_webcam: bool,
    /// Frames of the source; -1 where there is no end or it is unknown.
    #[serde(deserialize_with = "int")]
    pub total_frames: i64,
    /// Frames that will be sent; -1 where there is no end or it is unknown.
    #[serde(deserialize_with = "int")]
    pub frames_to_send: i64,
    /// Every Nth frame is sent; 1 = all.
    #[serde(deserialize_with = "int")]
    pub sample_rate: u32,
    /// Frames of one batch; 1 = no batches.
    #[serde(deserialize_with = "int")]
    pub batch_size: u32,
    /// Frames per second of the source, where it is known.
    #[serde(deserialize_with = "optional_positive")]
    pub fps: Option<f64>,
    /// Width of the frames as sent, pixels.
    #[serde(deserialize_with = "int")]
    pub width: u32,
    /// Height of the frames as sent, pixels.
    #[serde(deserialize_with = "int")]
    pub height: u32,
    /// Width of the source, pixels.
    #[serde(deserialize_with = "int")]
    pub original_width: u32,
    /// Height of the source, pixels.
    #[serde(deserialize_with = "int")]
    pub original_height: u32,
    /// JPEG quality 1 to 100; `None` (0 on the wire) = raw frames.
    #[serde(with = "jpeg_quality")]
    pub jpeg_quality: Option<u8>,
    /// Extension: bits of a `uint16` sample that the source fills, from the lowest on, 8 to 16;
    /// absent: all. A 12-bit camera's frames have 12, and values up to 4095.
    #[serde(
        deserialize_with = "significant_bits",
        skip_serializing_if = "Option::is_none"
    )]
    pub significant_bits: Option<u8>,
    /// Extension: the age of poses counts: the client leaves frames out rather than let them wait. A camera is live
    /// without this, too.
    #[serde(skip_serializing_if = "is_false")]
    pub live: bool,
    /// Extension: asks the worker to answer every frame, with `FRAME_RECEIVED` where it has no model.
    #[serde(skip_serializing_if = "is_false")]
    pub answers: bool,
    /// Extension: the client sends `KEEP_ALIVE` every second and asks the worker to do so.
    #[serde(skip_serializing_if = "is_false")]
    pub heartbeat: bool,
    /// Extension: a random name that a client gives a stream. A client that lost its connection and
    /// reconnects with the same name replaces its earlier connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream_id: Option<String>,
    /// Extension: the number of the first track that the worker may begin. A client that reconnects has
    /// those below from the worker before, and none is to mean two animals.
    #[serde(deserialize_with = "int", skip_serializing_if = "is_zero")]
    pub next_track: u32,
    /// Extension: the client's own version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_version: Option<String>,
}

impl Default for StreamStart {
    fn default() -> Self {
        Self {
            source_name: String::new(),
            is_webcam: false,
            total_frames: -1,
            frames_to_send: -1,
            sample_rate: 1,
            batch_size: 1,
            fps: None,
            width: 0,
            height: 0,
            original_width: 0,
            original_height: 0,
            jpeg_quality: None,
            significant_bits: None,
            live: false,
            answers: false,
            heartbeat: false,
            stream_id: None,
            next_track: 0,
            client_version: None,
        }
    }
}

impl StreamStart {
    /// Whether the age of poses counts.
    pub fn is_live(&self) -> bool {
        self.live || self.is_webcam
    }
}

/// Answers `STREAM_START` (`STREAM_ACK`, worker to client).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamAck {
    /// Whether the worker takes the stream.
    pub status: AckStatus,
    /// What the worker does with the frames beside its answers, for display.
    pub verification_mode: VerificationMode,
    /// Extension: every frame will be answered.
    #[serde(skip_serializing_if = "is_false")]
    pub answers: bool,
    /// Extension: the worker sends `KEEP_ALIVE` every second and expects it of the client.
    #[serde(skip_serializing_if = "is_false")]
    pub heartbeat: bool,
    /// Extension: the worker's own version.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub worker_version: Option<String>,
    /// Extension: the model that predicts; absent where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<ModelInfo>,
    /// Extension: the nodes and edges of the predictions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub skeleton: Option<Skeleton>,
    /// Extension: what tells animals apart at the worker: a tracker's name, or `model` for a model that
    /// knows identities; absent: nothing does, and predictions have no tracks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracker: Option<String>,
    /// Extension: people look at the stream at the worker, so that a client with rules sends `ZONES` and `RULES`.
    #[serde(skip_serializing_if = "is_false")]
    pub shows_rules: bool,
    /// Extension: frames of one channel are enough: the model takes gray images, and nothing at the worker shows or
    /// keeps colours.
    #[serde(skip_serializing_if = "is_false")]
    pub gray_frames: bool,
    /// Extension: lanes that the worker takes for this channel, itself included; absent: one.
    #[serde(
        deserialize_with = "optional_int",
        skip_serializing_if = "Option::is_none"
    )]
    pub lanes: Option<u32>,
    /// Extension: lanes for shards that the worker takes beside the channel; absent: none.
    #[serde(
        deserialize_with = "optional_int",
        skip_serializing_if = "Option::is_none"
    )]
    pub shard_lanes: Option<u32>,
    /// Extension: the worker asks for shards that are missing, where the client [keeps](crate::Message::ShardsKept) them.
    #[serde(skip_serializing_if = "is_false")]
    pub late_shards: bool,
    /// Extension: the client's place among those that wait for the running stream to end; 1 is the next.
    #[serde(
        deserialize_with = "optional_int",
        skip_serializing_if = "Option::is_none"
    )]
    pub queue_position: Option<u32>,
    /// Extension: frames per second that the client can expect of the model, where they are fewer than its live source
    /// has; absent: all, or it is not known.
    #[serde(
        deserialize_with = "optional_positive",
        skip_serializing_if = "Option::is_none"
    )]
    pub expected_fps: Option<f64>,
    /// Extension: a text for display, such as why the worker is busy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

impl StreamAck {
    /// Whether the client may send frames.
    pub fn is_ready(&self) -> bool {
        self.status == AckStatus::Ready
    }
}

/// The model that a worker runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelInfo {
    /// The name of the trained model.
    pub name: String,
    /// sleap-nn's `model_type`, such as `single_instance` or `bottomup`.
    pub kind: String,
    /// Height of the model's input, pixels.
    #[serde(deserialize_with = "int")]
    pub height: u32,
    /// Width of the model's input, pixels.
    #[serde(deserialize_with = "int")]
    pub width: u32,
    /// 1 (gray) or 3 (colour).
    #[serde(deserialize_with = "int")]
    pub channels: u32,
    /// What the model runs on, such as `cpu` or `cuda:0`.
    pub device: String,
}

/// The landmarks of an instance and the edges between them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Skeleton {
    /// Its name.
    pub name: String,
    /// Node names, in the order of the points of a prediction.
    pub nodes: Vec<String>,
    /// Pairs of indices into [`nodes`](Self::nodes): source, destination.
    #[serde(deserialize_with = "edges")]
    pub edges: Vec<[u32; 2]>,
}

/// Closes a stream (`STREAM_END`, client to worker).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamEnd {
    /// Frames that were sent.
    #[serde(deserialize_with = "int")]
    pub total_sent: u64,
    /// Seconds from the first frame to the last.
    #[serde(deserialize_with = "float_or_zero")]
    pub elapsed_seconds: f64,
    /// Frames per second over that time.
    #[serde(deserialize_with = "float_or_zero")]
    pub average_fps: f64,
}

/// Answers `STREAM_END` (`STREAM_COMPLETE`, worker to client).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct StreamComplete {
    /// Frames that arrived whole.
    #[serde(deserialize_with = "int")]
    pub frames_received: u64,
    /// Frames that the worker saved as files.
    #[serde(deserialize_with = "int")]
    pub frames_saved: u64,
    /// Seconds from `STREAM_START` to `STREAM_END`.
    #[serde(deserialize_with = "float_or_zero")]
    pub elapsed_seconds: f64,
    /// Frames per second over that time.
    #[serde(deserialize_with = "float_or_zero")]
    pub average_fps: f64,
    /// Extension: frames that arrived damaged or could not be processed.
    #[serde(
        deserialize_with = "optional_int",
        skip_serializing_if = "Option::is_none"
    )]
    pub frames_dropped: Option<u64>,
    /// Extension: predictions that were sent.
    #[serde(
        deserialize_with = "optional_int",
        skip_serializing_if = "Option::is_none"
    )]
    pub predictions: Option<u64>,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn is_zero(number: &u32) -> bool {
    *number == 0
}

fn edges<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<[u32; 2]>, D::Error> {
    let edges = Vec::<[JsonInt<u32>; 2]>::deserialize(deserializer)?;
    Ok(edges
        .into_iter()
        .map(|edge| edge.map(|JsonInt(i)| i))
        .collect())
}

fn significant_bits<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u8>, D::Error> {
    match optional_int::<D, u8>(deserializer)? {
        Some(bits) if !(8..=16).contains(&bits) => Err(D::Error::invalid_value(
            Unexpected::Unsigned(bits.into()),
            &"8 to 16 bits of a 16-bit sample",
        )),
        bits => Ok(bits),
    }
}

/// 0 on the wire stands for raw frames.
mod jpeg_quality {
    use super::*;

    pub(super) fn serialize<S: Serializer>(quality: &Option<u8>, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_u8(quality.unwrap_or(0))
    }

    pub(super) fn deserialize<'de, D: serde::Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<u8>, D::Error> {
        match optional_int::<D, u8>(deserializer)? {
            None | Some(0) => Ok(None),
            Some(quality @ 1..=100) => Ok(Some(quality)),
            Some(other) => Err(D::Error::invalid_value(
                Unexpected::Unsigned(other.into()),
                &"a JPEG quality from 0 to 100",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_worker_that_takes_the_stream_is_ready() {
        for (text, status) in [
            ("ready", AckStatus::Ready),
            ("busy", AckStatus::Busy),
            ("error", AckStatus::Error),
            ("", AckStatus::Other(String::new())),
            ("later", AckStatus::Other("later".to_owned())),
        ] {
            assert_eq!(AckStatus::from(text.to_owned()), status);
            assert_eq!(status.as_str(), text);
            let ack = StreamAck {
                status,
                ..StreamAck::default()
            };
            assert_eq!(ack.is_ready(), text == "ready", "{text}");
        }
        assert!(!StreamAck::default().is_ready());
    }
}
