//! Makes a file of labels of the poses that a page has collected. The page sends them once, and gets the
//! file back; the worker keeps nothing.
//!
//! ```text
//! POST /labels?format=slp|csv|jsonl
//! {"source_name": "webcam:0", "width": 640, "height": 480, "fps": 30}        first line
//! {"frame_id": 7, "instances": [...], "captured_us": 1, "latency_us": 0}     one line a frame: PREDICTION
//! ```

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::{Request, StatusCode};
use labels::{CreateError, LabelsHeader, LabelsOutputs, PredictionRecord, VideoReference};
use protocol::{CaptureClock, DerivedPoses, Prediction, WorkerStatus, text};
use serde::Deserialize;
use tokio::sync::Semaphore;

use super::broker::ViewBroker;
use super::guard::refusal;
use http_server::{ConnectionDeadline, HttpResponse, body, words};

/// Size of a page's poses: about an hour of two animals with ten nodes at 15 frames a second. The page sends
/// them before they are larger.
const MAX_POSES_BYTES: usize = 64 * 1024 * 1024;
/// Pages whose poses are converted at the same time.
const MAX_CONVERSIONS: usize = 1;
/// How long a request may take from its head until the file has been sent.
const TRANSFER_TIMEOUT: Duration = Duration::from_secs(10 * 60);

/// The formats that a page can ask for.
const FORMATS: [&str; 3] = ["slp", "csv", "jsonl"];

/// Converts poses of pages.
pub(super) struct LabelsConverter {
    /// Has the model and its skeleton.
    broker: Arc<ViewBroker>,
    conversions: Arc<Semaphore>,
}

/// The first line.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct SourceHeader {
    source_name: String,
    width: u32,
    height: u32,
    fps: Option<f64>,
}

/// Each further line: a prediction, and when it was made.
#[derive(Debug, Deserialize)]
struct RecordLine {
    #[serde(flatten)]
    prediction: Prediction,
    #[serde(default)]
    names: Vec<Option<String>>,
    captured_us: Option<u64>,
    clock: Option<CaptureClock>,
    #[serde(default)]
    latency_us: u64,
}

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
enum ConvertError {
    #[error("line {line} of the poses cannot be read: {error}")]
    Line {
        line: usize,
        error: serde_json::Error,
    },
    #[error("there are no poses")]
    NoPoses,
    #[error("{0}")]
    Create(#[from] CreateError),
    #[error("poses are missing from the file: {0}")]
    Lacking(String),
    #[error("the worker cannot write the file: {0}")]
    Io(#[from] std::io::Error),
}

impl LabelsConverter {
    pub(super) fn new(broker: Arc<ViewBroker>) -> Self {
        Self {
            broker,
            conversions: Arc::new(Semaphore::new(MAX_CONVERSIONS)),
        }
    }

    /// Answers a page's poses with their file. The caller has checked that the sender has a link.
    pub(super) async fn convert(&self, request: Request<Incoming>) -> HttpResponse {
        let Some(format) = requested_format(request.uri().query()) else {
            return words(
                StatusCode::BAD_REQUEST,
                "poses are saved as format=slp, csv or jsonl",
            );
        };
        let Ok(permit) = Arc::clone(&self.conversions).try_acquire_owned() else {
            let text = "the worker makes the file of another page: try again";
            return refusal(StatusCode::SERVICE_UNAVAILABLE, "saving", text);
        };
        if let Some(deadline) = request.extensions().get::<ConnectionDeadline>() {
            deadline.extend(TRANSFER_TIMEOUT);
        }
        let lines = match read(request.into_body()).await {
            Ok(lines) => lines,
            Err(response) => return response,
        };
        let status = self.broker.statuses().borrow().worker.clone();
        let file = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            file_of(&lines, format, status)
        });
        match file.await {
            Ok(Ok(file)) => body(StatusCode::OK, "application/octet-stream", file.into()),
            Ok(Err(ConvertError::Io(error))) => words(
                StatusCode::INSUFFICIENT_STORAGE,
                &ConvertError::Io(error).to_string(),
            ),
            Ok(Err(error)) => words(StatusCode::UNPROCESSABLE_ENTITY, &error.to_string()),
            Err(_) => words(
                StatusCode::INTERNAL_SERVER_ERROR,
                "the worker failed to make the file",
            ),
        }
    }
}

/// The value of `format` in a query, if it is one of [`FORMATS`].
fn requested_format(query: Option<&str>) -> Option<&'static str> {
    let wanted = query?.strip_prefix("format=")?;
    FORMATS.into_iter().find(|format| *format == wanted)
}

async fn read(incoming: Incoming) -> Result<Bytes, HttpResponse> {
    let too_large = || {
        let text = format!("the poses have at most {} MiB", MAX_POSES_BYTES >> 20);
        words(StatusCode::PAYLOAD_TOO_LARGE, &text)
    };
    if incoming.size_hint().lower() > MAX_POSES_BYTES as u64 {
        return Err(too_large());
    }
    let limited = Limited::new(incoming, MAX_POSES_BYTES);
    let collected = limited.collect().await.map_err(|_| too_large())?;
    Ok(collected.to_bytes())
}

/// The file of these lines. It is written to a temporary folder, and removed there. Blocks.
fn file_of(lines: &[u8], format: &str, status: WorkerStatus) -> Result<Vec<u8>, ConvertError> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("poses").with_extension(format);
    let mut lines = lines.split(|byte| *byte == b'\n').enumerate();
    let header = lines.next().map_or(&b""[..], |(_, line)| line);
    let header =
        serde_json::from_slice(header).map_err(|error| ConvertError::Line { line: 1, error })?;
    let header = labels_header(header, status);
    let outputs = LabelsOutputs::open(std::slice::from_ref(&path), false, &header)?;
    for (index, line) in lines.filter(|(_, line)| !line.is_empty()) {
        let record = parse(line).map_err(|error| ConvertError::Line {
            line: index + 1,
            error,
        })?;
        outputs.wait_for_room();
        outputs.write(record);
    }
    finish(outputs, &path)
}

fn finish(outputs: LabelsOutputs, path: &Path) -> Result<Vec<u8>, ConvertError> {
    let finished = outputs.finish();
    if let Some(lacking) = finished.lacking.first() {
        return Err(ConvertError::Lacking(lacking.to_string()));
    }
    match finished.removed.is_empty() {
        true => Ok(std::fs::read(path)?),
        false => Err(ConvertError::NoPoses),
    }
}

fn parse(line: &[u8]) -> Result<PredictionRecord, serde_json::Error> {
    let RecordLine {
        prediction,
        names,
        captured_us,
        clock,
        latency_us,
    } = serde_json::from_slice(line)?;
    Ok(PredictionRecord {
        prediction,
        derived: DerivedPoses {
            names,
            ..DerivedPoses::default()
        },
        captured_us,
        clock,
        latency_us,
        ..PredictionRecord::default()
    })
}

fn labels_header(source: SourceHeader, status: WorkerStatus) -> LabelsHeader {
    let name = text::cut(&source.source_name, text::NAME).into_owned();
    let mut provenance = vec![
        ("source".to_owned(), name.clone()),
        ("seen_by".to_owned(), "live view".to_owned()),
        ("sleap_worker_version".to_owned(), status.worker_version),
    ];
    if let Some(model) = status.model {
        for (key, value) in [
            ("model", model.name),
            ("model_type", model.kind),
            ("device", model.device),
        ] {
            provenance.push((key.to_owned(), value));
        }
    }
    LabelsHeader {
        has_moments: false,
        skeleton: status.skeleton,
        video: VideoReference {
            filename: name,
            frames: None,
            height: source.height,
            width: source.width,
            channels: 3,
            fps: source.fps,
            ..VideoReference::default()
        },
        source: None,
        provenance,
    }
}

#[cfg(test)]
mod tests {
    use protocol::Skeleton;

    use super::*;

    const HEADER: &str = r#"{"source_name":"browser camera","width":640,"height":480,"fps":30}"#;
    const POSE: &str = r#"{"type":"PREDICTION","frame_id":7,"instances":[[[1.5,2],null]],"confidence":[[0.5,null]],"captured_us":5,"clock":"driver","latency_us":9}"#;

    fn status() -> WorkerStatus {
        let skeleton = Skeleton {
            name: "mouse".into(),
            nodes: vec!["nose".into(), "tail".into()],
            edges: vec![[0, 1]],
        };
        WorkerStatus {
            skeleton: Some(skeleton),
            ..WorkerStatus::default()
        }
    }

    fn file(lines: &[&str], format: &str) -> Result<Vec<u8>, String> {
        let file = file_of(lines.join("\n").as_bytes(), format, status());
        file.map_err(|error| error.to_string())
    }

    #[test]
    fn poses_become_a_file_of_each_format() {
        let slp = file(&[HEADER, POSE, ""], "slp").unwrap();
        assert!(slp.starts_with(b"\x89HDF\r\n"));
        let csv = String::from_utf8(file(&[HEADER, POSE], "csv").unwrap()).unwrap();
        assert!(csv.lines().next().unwrap().contains("nose.x"), "{csv}");
        assert_eq!(csv.lines().count(), 2);
        let jsonl = file(&[HEADER, POSE], "jsonl").unwrap();
        let line: serde_json::Value = serde_json::from_slice(&jsonl).unwrap();
        assert_eq!(line["frame_id"], 7);
        assert_eq!(
            (&line["captured_us"], &line["clock"]),
            (&5.into(), &"driver".into())
        );
        assert_eq!(line["latency_us"], 9);
        assert_eq!(line["instances"][0][0][0], 1.5);
    }

    #[test]
    fn poses_that_make_no_file_are_refused_with_the_reason() {
        let reason = |lines: &[&str]| file(lines, "slp").unwrap_err();
        assert!(reason(&[]).contains("line 1"));
        assert!(reason(&[HEADER]).contains("no poses"));
        assert!(reason(&[HEADER, POSE, "{"]).contains("line 3"));
        let more = POSE.replace("[[[1.5,2],null]]", "[[[1.5,2],null,null]]");
        let more = more.replace("[[0.5,null]]", "[]");
        assert!(reason(&[HEADER, &more]).contains("missing"), "{more}");
        let huge = format!("{{\"frame_id\":1,\"instances\":{}1", "[".repeat(100_000));
        assert!(reason(&[HEADER, &huge]).contains("line 2"));
    }

    #[test]
    fn formats_are_three() {
        assert_eq!(requested_format(Some("format=slp")), Some("slp"));
        for query in [
            None,
            Some(""),
            Some("format="),
            Some("format=/etc/x"),
            Some("x=slp"),
        ] {
            assert_eq!(requested_format(query), None, "{query:?}");
        }
    }
}
