//! Predictions on their way to files: what the client knows of them beside the worker.

use anyhow::{Result, bail};
use protocol::{Prediction, StreamAck};
use recordings::{Header, Outputs, Record, Video};
use vision::capture::{Source, SourceInfo};

use crate::args::Config;
use crate::flight::Arrived;
use crate::latency::Latency;

/// What all predictions of a run have in common.
pub(crate) fn header(config: &Config, info: &SourceInfo, ack: &StreamAck) -> Header {
    let video = |filename: String, frames: Option<u64>| Video {
        filename,
        frames,
        height: info.height,
        width: info.width,
        channels: info.channels,
        fps: config.capture.fps.or(info.fps),
    };
    let source = Video {
        fps: info.fps,
        ..video(source_name(&config.capture.source, info), info.total_frames)
    };
    let recorded = config
        .record
        .as_deref()
        .map(|path| video(absolute(path), None));
    let (video, source) = match recorded {
        Some(recorded) => (recorded, Some(source)),
        None => (source, None),
    };
    Header {
        skeleton: ack.skeleton.clone(),
        video,
        source,
        provenance: provenance(info, ack),
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

/// What a video is called where it is looked for later: files by their whole path.
fn source_name(source: &Source, info: &SourceInfo) -> String {
    match source {
        Source::File(name) if !name.contains("://") => absolute(name.as_ref()),
        _ => info.name.clone(),
    }
}

fn absolute(path: &std::path::Path) -> String {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    whole.to_string_lossy().into_owned()
}

/// A prediction as it is written: the worker's, with what the client knows of the frame.
fn record(prediction: &Prediction, arrived: &Arrived) -> Record {
    Record {
        prediction: prediction.clone(),
        captured_us: arrived.captured_us,
        latency_us: arrived.latency.age(),
        latency: parts(&arrived.latency),
        recorded: arrived.recorded,
    }
}

fn parts(latency: &Latency) -> recordings::Latency {
    const NAMES: [&str; crate::latency::PARTS.len()] = [
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
    recordings::Latency(NAMES.into_iter().zip(latency.parts()).collect())
}

/// Hands a prediction to all outputs. One whose queue is full holds up the caller: nothing that
/// was predicted is left out, and frames wait at the source, where a live one drops old ones.
pub(crate) fn write(outputs: &Outputs, prediction: &Prediction, arrived: &Arrived) {
    if outputs.is_empty() {
        return;
    }
    let record = record(prediction, arrived);
    match outputs.has_room() {
        true => outputs.write(record),
        false => tokio::task::block_in_place(|| outputs.write(record)),
    }
}

/// Tells of outputs that have failed. An error once nothing is written any more: then there is
/// nothing to go on for.
pub(crate) fn check(outputs: &mut Outputs) -> Result<()> {
    for failure in outputs.failures() {
        tracing::warn!("{failure}; other outputs go on");
    }
    if outputs.have_failed() {
        bail!("nothing can be written any more");
    }
    Ok(())
}
