//! How the frames of a source are sent, given the options and the source.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::sync::watch;
use vision::capture::{Source, SourceInfo};

use crate::config::{Config, PixelEncoding};
use crate::run::adaptation::Adaptation;
use crate::send::adapt::{Adapter, EncodeSetting, LatencyTarget};
use crate::send::flow::PacingMode;
use crate::send::frame_encoder::FrameEncoder;
use crate::send::plan::SendPlan;
use crate::send::queue::OverflowPolicy;

/// Frames read ahead of the encoder from a file.
const READ_AHEAD: usize = 1;

/// Checks what can be wrong with a plan for this source.
pub(crate) fn check(config: &Config, info: &SourceInfo) -> Result<()> {
    if config.max_latency.is_some() && !config.is_live(info) {
        bail!("{} is a file: --max-latency needs --live there", info.name);
    }
    Ok(())
}

/// The plan, and what adapts it while the stream runs. `answered`: the worker returns a result for each
/// frame, so that results bound what is in flight; otherwise only the link's buffer does. `window`:
/// frames are shown in a window.
pub(crate) fn make(
    config: &Config,
    info: &SourceInfo,
    answered: bool,
    window: bool,
) -> (SendPlan, Option<Adaptation>) {
    let is_live = config.is_live(info);
    let overflow = match is_live {
        true => OverflowPolicy::Newest,
        false => OverflowPolicy::All {
            capacity: READ_AHEAD,
        },
    };
    let tracking = config.tracking.as_ref();
    let looks_at_pictures = tracking.is_some_and(|options| options.flow().is_some());
    let interval = interval(config, info);
    let pacing = match (answered, is_live) {
        (false, _) => PacingMode::Unanswered,
        (true, false) => PacingMode::Every,
        (true, true) => PacingMode::Newest {
            interval,
            max_age: config.max_latency,
        },
    };
    let (settings, adaptation) = match config.encoding {
        PixelEncoding::Jpeg(quality) => {
            let (settings, newest) = watch::channel(EncodeSetting::full(quality));
            let adaptation = adaptation(config, interval, quality, answered, settings);
            (Some(newest), adaptation)
        }
        PixelEncoding::Raw | PixelEncoding::Camera => (None, None),
    };
    let plan = SendPlan {
        moments: None,
        slot: None,
        overflow,
        pacing,
        encoder: FrameEncoder::new(config.resize, settings),
        batch_size: config.batch_size,
        lanes: 1,
        frames: config.frames_to_send(info),
        max_frames: config.max_frames,
        keep_pictures: window || config.snapshot.is_some() || looks_at_pictures,
        one_size: config.needs_one_size().then_some((info.width, info.height)),
        recording: None,
        watcher: None,
    };
    (plan, adaptation)
}

fn adaptation(
    config: &Config,
    interval: Option<Duration>,
    quality: u8,
    answered: bool,
    settings: watch::Sender<EncodeSetting>,
) -> Option<Adaptation> {
    let target = config.max_latency?;
    if !answered {
        tracing::warn!("--max-latency has no effect: this worker returns no results");
        return None;
    }
    let goal = LatencyTarget {
        target,
        interval,
        quality,
    };
    Some(Adaptation {
        adapter: Adapter::new(goal),
        settings,
    })
}

/// Time between two frames that the source delivers, where it is known.
pub(super) fn interval(config: &Config, info: &SourceInfo) -> Option<Duration> {
    Duration::try_from_secs_f64(1.0 / rate(config, info)?).ok()
}

/// Frames per second that the source delivers, where it is known.
fn rate(config: &Config, info: &SourceInfo) -> Option<f64> {
    let fps = config.capture.fps.or(info.fps).filter(|fps| *fps > 0.0)?;
    // Cameras and network streams go on while frames are left out; all others are paced by what
    // they deliver.
    let is_paced =
        matches!(&config.capture.source, Source::TestPattern(pattern) if pattern.phase.is_none());
    let runs_by_itself = info.is_live && !is_paced;
    let every = match runs_by_itself {
        true => config.capture.selection.sample_rate,
        false => 1,
    };
    Some(fps / f64::from(every))
}

/// Pictures per second of a recording.
pub(crate) fn recorded_fps(config: &Config, info: &SourceInfo) -> f64 {
    /// Where the source has no rate.
    const DEFAULT_FPS: f64 = 30.0;
    rate(config, info).unwrap_or(DEFAULT_FPS)
}
