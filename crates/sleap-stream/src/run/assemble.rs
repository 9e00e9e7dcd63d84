//! Everything that a stream consists of at the client, begun together.

use std::sync::Arc;

use ::closed_loop::OpenOutputs;
use anyhow::{Result, bail};
use emit::StreamInfo;
use labels::{CreateError, LabelsOutputs};
use link::Sender;
use protocol::{Skeleton, StreamAck};
use vision::capture::{Capture, SourceInfo};
use vision::frame_window::WindowTile;
use vision::record::{self, Recording};

use crate::config::Config;
use crate::connect::handshake::returns_results;
use crate::metrics::Metrics;
use crate::run::camera_share::{CameraResults, CameraShare};
use crate::run::closed_loop::{self, ClosedLoop, RunRules};
use crate::run::outputs;
use crate::run::plan;
use crate::run::results::ResultHandler;
use crate::run::stream_emitter::StreamEmitter;
use crate::run::tracks::ClientTracks;
use crate::send::frame_watcher::SharedWatcher;
use crate::send::pipeline::SendPipeline;
use crate::send::plan::SendPlan;
use crate::send::queue::OverflowPolicy;
use crate::send::uplink::UplinkControl;

/// What gets poses while the stream runs.
pub(crate) struct PoseConsumers {
    /// Sends them to other programs.
    pub(crate) emitter: StreamEmitter,
    /// What rules switch.
    pub(crate) rule_outputs: Option<OpenOutputs>,
    /// Shows them in a window.
    pub(crate) screen: Option<WindowTile>,
    /// Sees the frames, and when their results are here.
    pub(crate) watcher: Option<SharedWatcher>,
    /// Counts for Prometheus.
    pub(crate) metrics: Metrics,
    /// What the stream shares with those of other cameras.
    pub(crate) camera: Option<CameraShare>,
}

impl PoseConsumers {
    pub(crate) fn new(
        emitter: StreamEmitter,
        rule_outputs: Option<OpenOutputs>,
        screen: Option<WindowTile>,
        watcher: Option<SharedWatcher>,
    ) -> Self {
        Self {
            metrics: Metrics::default(),
            camera: None,
            emitter,
            rule_outputs,
            screen,
            watcher,
        }
    }

    /// Their poses are counted.
    pub(crate) fn counted(self, metrics: Metrics) -> Self {
        Self { metrics, ..self }
    }

    /// The source is open.
    fn opened(&self, capture: &Capture) {
        if let Some(watcher) = &self.watcher {
            watcher.opened(capture.info(), capture.timing());
        }
    }
}

/// What consumers of poses learn of a stream.
fn stream_info(config: &Config, info: &SourceInfo, skeleton: &Skeleton) -> StreamInfo {
    StreamInfo {
        source: info.name.clone(),
        name: config.camera.as_deref().map(str::to_owned),
        skeleton: skeleton.clone(),
    }
}

/// What a stream consists of at the client.
pub(crate) struct StreamParts {
    /// Takes the worker's results.
    pub(crate) results: ResultHandler,
    /// Captures, encodes and sends.
    pub(crate) pipeline: SendPipeline,
    /// Where connections are made and lost.
    pub(crate) uplink: Arc<UplinkControl>,
    /// The video of the frames that are sent.
    pub(crate) recording: Option<Recording>,
}

/// Begins everything, or nothing: files that came to be are gone again.
pub(crate) fn prepare(
    config: &Config,
    capture: Capture,
    consumers: PoseConsumers,
    ack: &StreamAck,
    sender: &Sender,
) -> Result<StreamParts> {
    let metrics = consumers.metrics.clone();
    let tracks = ClientTracks::begin(closed_loop::tracker(config, ack), ack)?;
    let tracks = tracks.counted(metrics.are_counted());
    let info = capture.info().clone();
    consumers.opened(&capture);
    let (emitter, screen) = (consumers.emitter, consumers.screen);
    // A node that the model does not have is found before a file comes to be.
    let rules = rules(config, consumers.rule_outputs, &consumers.camera, ack)?;
    let (mut plan, adaptation) = plan::make(config, &info, returns_results(ack), screen.is_some());
    plan.lanes = sender.lanes();
    plan.encoder.send_gray(ack.gray_frames);
    let (recording, handle) = start_recording(config, &info)?.unzip();
    plan.recording = handle;
    show_frames(&mut plan, &consumers.watcher, &consumers.camera);
    let opened = open_outputs(config, &info, ack, &tracks);
    let (outputs, plan, recording) = or_discard(opened, plan, recording)?;
    let (uplink, watch) = UplinkControl::new(sender.clone());
    let shown = ack.shows_rules.then(|| watch.clone());
    let started = SendPipeline::start(capture, plan, watch).and_then(|it| {
        Ok((
            it,
            ClosedLoop::start(config, rules, &info, shown, &metrics)?,
        ))
    });
    let (pipeline, closed_loop) = match started {
        Ok(started) => started,
        Err(error) => {
            discard(outputs, recording);
            return Err(error);
        }
    };
    let skeleton = ack.skeleton.clone().unwrap_or_default();
    emitter.start(stream_info(config, &info, &skeleton));
    let mut results = ResultHandler::new(
        outputs,
        emitter,
        screen,
        adaptation,
        tracks,
        skeleton,
        recording.is_some() || config.snapshot.is_some(),
    );
    results.watcher = consumers.watcher;
    results.camera = CameraResults::new(consumers.camera);
    results.count(metrics, &info.name);
    results.closed_loop = closed_loop;
    Ok(StreamParts {
        results,
        pipeline,
        uplink,
        recording,
    })
}

/// The rules that act on the stream: those of all cameras, or its own.
fn rules(
    config: &Config,
    outputs: Option<OpenOutputs>,
    camera: &Option<CameraShare>,
    ack: &StreamAck,
) -> Result<Option<RunRules>> {
    let shared = camera.as_ref().and_then(|it| it.rules.clone());
    let own = closed_loop::bind(config, outputs, ack)?;
    Ok(shared
        .map(RunRules::Shared)
        .or(own.map(Box::new).map(RunRules::Own)))
}

/// Lets the frames be seen by what else has to see them.
fn show_frames(plan: &mut SendPlan, watcher: &Option<SharedWatcher>, camera: &Option<CameraShare>) {
    plan.watcher.clone_from(watcher);
    plan.moments = camera.as_ref().map(|camera| camera.moments.clone());
    let slot = camera.as_ref().and_then(|camera| camera.slot.clone());
    plan.slot = slot.filter(|_| plan.overflow == OverflowPolicy::Newest);
}

/// Opens the files of poses. Those of a source that has an end get the final tracks then, where the tracks are
/// the client's.
fn open_outputs(
    config: &Config,
    info: &SourceInfo,
    ack: &StreamAck,
    tracks: &ClientTracks,
) -> Result<LabelsOutputs, CreateError> {
    let header = outputs::header(config, info, ack);
    let mut outputs = LabelsOutputs::open(&config.outputs, config.overwrite, &header)?;
    let is_own = config.has_end() && ack.tracker.is_none();
    if let Some(revision) = tracks.revision().filter(|_| is_own) {
        outputs.revise_at_end(header, revision);
    }
    Ok(outputs)
}

/// Files of poses that are open. Where they are not, the recording that was begun goes.
fn or_discard(
    opened: Result<LabelsOutputs, CreateError>,
    plan: SendPlan,
    recording: Option<Recording>,
) -> Result<(LabelsOutputs, SendPlan, Option<Recording>)> {
    match opened {
        Ok(outputs) => Ok((outputs, plan, recording)),
        Err(error) => {
            // The recording ends when the plan's handle is dropped.
            drop(plan);
            discard(LabelsOutputs::default(), recording);
            Err(error.into())
        }
    }
}

/// Removes what was created for a stream that does not begin.
fn discard(outputs: LabelsOutputs, recording: Option<Recording>) {
    outputs.discard();
    if let Some(recording) = recording {
        recording.discard();
    }
}

/// Checks, before a worker is looked for, what can be wrong with a stream of this source.
pub(crate) fn check(config: &Config, info: &SourceInfo) -> Result<()> {
    plan::check(config, info)?;
    let Some(recording) = recording(config, info) else {
        return Ok(());
    };
    if !info.is_live && !config.is_pattern() && !config.is_piped() {
        bail!(
            "--record is for live sources: {} is a file already",
            info.name
        );
    }
    record::check(&recording).map_err(Into::into)
}

/// Begins the recording of what is sent, if there is to be one.
fn start_recording(
    config: &Config,
    info: &SourceInfo,
) -> Result<Option<(Recording, record::RecordingHandle)>> {
    match recording(config, info) {
        Some(recording) => Ok(Some(record::start(recording)?)),
        None => Ok(None),
    }
}

/// What the recording of this source is to be like.
fn recording(config: &Config, info: &SourceInfo) -> Option<record::Config> {
    Some(record::Config {
        path: config.record.clone()?,
        overwrite: config.overwrite,
        fps: plan::recorded_fps(config, info),
        width: info.width,
        height: info.height,
        channels: info.channels,
    })
}
