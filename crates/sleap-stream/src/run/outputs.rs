//! Predictions for files, with the client's data of their frames.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use cli::Interrupt;
use labels::{FinishedOutputs, LabelsHeader, LabelsOutputs, PredictionRecord, VideoReference};
use protocol::StreamAck;
use vision::capture::{Source, SourceInfo};

use crate::config::{Config, is_path};
use crate::run::camera_share::PoseResult;
use crate::run::plan;
use crate::send::latency::Latency;

/// How long outputs may take to end after the user has asked for the end.
const FINISH_TIMEOUT: Duration = Duration::from_secs(5);

/// What all predictions of a run have in common.
pub(crate) fn header(config: &Config, info: &SourceInfo, ack: &StreamAck) -> LabelsHeader {
    let source = VideoReference {
        filename: source_name(&config.capture.source, info),
        images: image_names(&config.capture.source),
        frames: info.total_frames,
        height: info.height,
        width: info.width,
        channels: info.channels,
        fps: info.fps,
    };
    let recorded = config.record.as_deref().map(|path| VideoReference {
        filename: absolute(path),
        images: Arc::default(),
        frames: None,
        fps: Some(plan::recorded_fps(config, info)),
        ..source.clone()
    });
    let (video, source) = match recorded {
        Some(recorded) => (recorded, Some(source)),
        None => (source, None),
    };
    LabelsHeader {
        skeleton: ack.skeleton.clone(),
        video,
        source,
        provenance: provenance(info, ack),
        has_moments: config.camera.is_some(),
    }
}

fn provenance(info: &SourceInfo, ack: &StreamAck) -> Vec<(String, String)> {
    let mut known = vec![
        ("sleap_stream_version", env!("CARGO_PKG_VERSION").to_owned()),
        ("source", info.name.clone()),
    ];
    if let Some(version) = &ack.worker_version {
        known.push(("sleap_worker_version", version.clone()));
    }
    if let Some(model) = &ack.model {
        known.push(("model", model.name.clone()));
        known.push(("model_type", model.kind.clone()));
        known.push(("device", model.device.clone()));
    }
    let owned = |(name, value): (&str, String)| (name.to_owned(), value);
    known.into_iter().map(owned).collect()
}

/// The name under which a video is found later: the absolute path of a file.
fn source_name(source: &Source, info: &SourceInfo) -> String {
    match source {
        Source::File(name) if is_path(name) && name != "-" => absolute(name.as_ref()),
        Source::Images { files, .. } => files
            .first()
            .map_or_else(String::new, |first| absolute(first)),
        _ => info.name.clone(),
    }
}

fn image_names(source: &Source) -> Arc<[String]> {
    match source {
        Source::Images { files, .. } => files.iter().map(|file| absolute(file)).collect(),
        _ => Arc::default(),
    }
}

fn absolute(path: &std::path::Path) -> String {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    absolute.to_string_lossy().into_owned()
}

/// A prediction as it is written: the worker's, with the client's data of the frame.
fn record(result: PoseResult, camera: Option<&str>) -> PredictionRecord {
    let moment = result.moment();
    let arrived = result.returned;
    PredictionRecord {
        prediction: result.prediction,
        derived: result.derived,
        camera: camera.map(str::to_owned),
        moment,
        captured_us: arrived.captured_us,
        clock: Some(arrived.clock),
        latency_us: arrived.latency.age(),
        latency: parts(&arrived.latency),
        recorded: arrived.recorded,
    }
}

fn parts(latency: &Latency) -> labels::LatencyParts {
    const NAMES: [&str; crate::send::latency::PARTS.len()] = [
        "driver_us",
        "capture_us",
        "encode_us",
        "send_us",
        "network_us",
        "decode_us",
        "queue_us",
        "preprocess_us",
        "inference_us",
        "postprocess_us",
        "return_us",
    ];
    labels::LatencyParts(NAMES.into_iter().zip(latency.parts()).collect())
}

/// Hands a result to all outputs, without waiting. `camera`: its name, where there are several.
pub(crate) fn write(outputs: &LabelsOutputs, result: PoseResult, camera: Option<&str>) {
    if !outputs.is_empty() {
        outputs.write(record(result, camera));
    }
}

/// Writes what is left. After an interrupt the client waits only this long for a reader that takes
/// nothing.
pub(crate) async fn finish(
    outputs: LabelsOutputs,
    interrupt: &Interrupt,
) -> Result<FinishedOutputs> {
    let abort = outputs.abort_handle();
    let mut finish = tokio::task::spawn_blocking(move || outputs.finish());
    let too_long = async {
        interrupt.raised().await;
        tokio::time::sleep(FINISH_TIMEOUT).await;
    };
    let finished = tokio::select! {
        finished = &mut finish => finished,
        () = too_long => {
            abort.abort();
            finish.await
        }
    };
    finished.context("writing the outputs stopped unexpectedly")
}
