//! Messages as JSON: what a consumer over UDP or ZeroMQ reads. The README is the specification.

use protocol::{CaptureClock, DerivedPoses, Prediction, Skeleton};
use serde::Serialize;

use crate::frame::EmittedFrame;

/// Rises when consumers have to be changed; added keys do not count.
pub(crate) const VERSION: u32 = 1;

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum JsonMessage<'a> {
    Pose {
        #[serde(flatten)]
        head: JsonHead<'a>,
        #[serde(skip_serializing_if = "Option::is_none")]
        captured_us: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        clock: Option<CaptureClock>,
        #[serde(skip_serializing_if = "Option::is_none")]
        moment: Option<u64>,
        #[serde(flatten)]
        prediction: &'a Prediction,
        #[serde(flatten)]
        derived: &'a DerivedPoses,
    },
    Skeleton {
        #[serde(flatten)]
        head: JsonHead<'a>,
        #[serde(flatten)]
        skeleton: &'a Skeleton,
    },
    End {
        #[serde(flatten)]
        head: JsonHead<'a>,
        poses: u64,
    },
}

#[derive(Serialize)]
struct JsonHead<'a> {
    version: u32,
    source: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    stream: Option<&'a str>,
    emitted_us: u64,
}

/// Writes messages of one stream.
pub(crate) struct JsonWriter<'a> {
    pub(crate) source: &'a str,
    /// What tells it from others that run beside it.
    pub(crate) stream: Option<&'a str>,
    /// Microseconds since the Unix epoch.
    pub(crate) emitted_us: u64,
}

impl JsonWriter<'_> {
    pub(crate) fn pose(
        &self,
        prediction: &Prediction,
        derived: &DerivedPoses,
        frame: &EmittedFrame,
    ) -> Vec<u8> {
        write(&JsonMessage::Pose {
            head: self.head(),
            captured_us: frame.captured_us,
            clock: frame.clock,
            moment: frame.moment,
            prediction,
            derived,
        })
    }

    pub(crate) fn skeleton(&self, skeleton: &Skeleton) -> Vec<u8> {
        write(&JsonMessage::Skeleton {
            head: self.head(),
            skeleton,
        })
    }

    pub(crate) fn end(&self, poses: u64) -> Vec<u8> {
        write(&JsonMessage::End {
            head: self.head(),
            poses,
        })
    }

    fn head(&self) -> JsonHead<'_> {
        JsonHead {
            version: VERSION,
            source: self.source,
            stream: self.stream,
            emitted_us: self.emitted_us,
        }
    }
}

fn write(message: &JsonMessage<'_>) -> Vec<u8> {
    serde_json::to_vec(message).expect("strings, numbers and lists are always JSON")
}

#[cfg(test)]
mod tests {
    use protocol::{AheadPoses, SmoothPoses};
    use serde_json::{Value, json};

    use super::*;

    const WRITER: JsonWriter<'static> = JsonWriter {
        source: "mouse.mp4",
        stream: None,
        emitted_us: 20,
    };

    fn read(message: Vec<u8>) -> Value {
        serde_json::from_slice(&message).unwrap()
    }

    #[test]
    fn a_pose_has_the_fields_of_a_jsonl_line() {
        let prediction = Prediction {
            frame_id: 7,
            instances: vec![vec![Some([1.5, 2.25]), None]],
            confidence: vec![vec![Some(0.5), None]],
            instance_scores: vec![Some(0.5)],
            tracks: vec![Some("female".into())],
            ..Prediction::default()
        };
        let expected = json!({
            "type": "pose", "version": 1, "source": "mouse.mp4",
            "captured_us": 10, "clock": "driver", "moment": 3, "emitted_us": 20, "frame_id": 7,
            "instances": [[[1.5, 2.25], null]], "confidence": [[0.5, null]],
            "instance_scores": [0.5], "tracks": ["female"], "names": ["Eve"],
            "ahead": {"by_ms": 62.5, "instances": [[[2.5, 2.25], null]], "sd": [[0.5, null]]},
            "smooth": {"instances": [[[1.25, 2.25], [4.0, 5.0]]], "bridged": [[false, true]]},
        });
        let derived = DerivedPoses {
            ahead: Some(AheadPoses {
                by_ms: 62.5,
                instances: vec![vec![Some([2.5, 2.25]), None]],
                sd: vec![vec![Some(0.5), None]],
                ..AheadPoses::default()
            }),
            smooth: Some(SmoothPoses {
                instances: vec![vec![Some([1.25, 2.25]), Some([4.0, 5.0])]],
                bridged: vec![vec![false, true]],
            }),
            names: vec![Some("Eve".to_owned())],
        };
        let frame = EmittedFrame {
            captured_us: Some(10),
            clock: Some(CaptureClock::Driver),
            moment: Some(3),
        };
        assert_eq!(read(WRITER.pose(&prediction, &derived, &frame)), expected);
        let untimed = read(WRITER.pose(
            &Prediction::default(),
            &DerivedPoses::default(),
            &EmittedFrame::default(),
        ));
        for key in ["captured_us", "clock", "moment"] {
            assert!(untimed.get(key).is_none(), "{key}");
        }
        assert_eq!(untimed["instances"], json!([]));
    }

    #[test]
    fn one_of_several_streams_is_named() {
        let writer = JsonWriter {
            stream: Some("mouse.mp4-2"),
            ..WRITER
        };
        let expected = json!({
            "type": "end", "version": 1, "source": "mouse.mp4", "stream": "mouse.mp4-2", "emitted_us": 20, "poses": 3,
        });
        assert_eq!(read(writer.end(3)), expected);
    }

    #[test]
    fn the_skeleton_and_the_end_are_messages_of_their_own() {
        let skeleton = Skeleton {
            name: "mouse".into(),
            nodes: vec!["nose".into(), "tail".into()],
            edges: vec![[0, 1]],
        };
        let expected = json!({
            "type": "skeleton", "version": 1, "source": "mouse.mp4", "emitted_us": 20,
            "name": "mouse", "nodes": ["nose", "tail"], "edges": [[0, 1]],
        });
        assert_eq!(read(WRITER.skeleton(&skeleton)), expected);
        let expected = json!({
            "type": "end", "version": 1, "source": "mouse.mp4", "emitted_us": 20, "poses": 3,
        });
        assert_eq!(read(WRITER.end(3)), expected);
    }
}
