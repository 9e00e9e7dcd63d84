//! What a stream is announced with.

use protocol::StreamStart;
use vision::capture::{PixelForm, SourceInfo};

use crate::config::Config;

/// The announcement of a stream from this source.
pub(super) fn stream_start(config: &Config, info: &SourceInfo) -> StreamStart {
    let frames = |count: Option<u64>| {
        count
            .and_then(|count| i64::try_from(count).ok())
            .unwrap_or(-1)
    };
    let (width, height) = config.resize.unwrap_or((info.width, info.height));
    StreamStart {
        source_name: match &config.camera {
            Some(camera) => camera.to_string(),
            None => info.name.clone(),
        },
        is_webcam: info.is_live,
        total_frames: frames(info.total_frames),
        frames_to_send: frames(config.frames_to_send(info)),
        sample_rate: config.capture.selection.sample_rate,
        batch_size: config.batch_size,
        fps: config.capture.fps.or(info.fps),
        width,
        height,
        original_width: info.width,
        original_height: info.height,
        jpeg_quality: config.jpeg_quality(),
        significant_bits: info.significant_bits.filter(|_| keeps_depth(config)),
        live: config.is_live(info),
        answers: true,
        heartbeat: true,
        stream_id: stream_id(),
        next_track: 0,
        client_version: Some(env!("CARGO_PKG_VERSION").into()),
    }
}

fn keeps_depth(config: &Config) -> bool {
    config.capture.options.pixels == PixelForm::Deep
}

/// Logs that frames lose bits, where the source has more than JPEG keeps.
pub(super) fn log_narrowing(config: &Config, info: &SourceInfo) {
    if let Some(bits) = info.significant_bits.filter(|_| !keeps_depth(config)) {
        tracing::info!(
            "{} has {bits} bits a sample, and JPEG keeps 8; without --jpeg-quality all are sent",
            info.name
        );
    }
}

/// A name that cannot be guessed: a client that has it may replace this stream. `None` where the
/// system has no random numbers; then a worker that still holds the lost connection of this client is busy.
fn stream_id() -> Option<String> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).ok()?;
    Some(format!("{:032x}", u128::from_be_bytes(bytes)))
}
