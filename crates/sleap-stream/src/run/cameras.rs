//! A run of several cameras: a stream for each of them, and the moments that their frames share.

mod limits;
mod rules;
mod verdict;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use cli::{ExitStatus, Interrupt};
use emit::Emitter;
use labels::{MomentColumns, MomentsOutput, check_all_free};
use serde_json::json;
use tokio::task::JoinSet;
use tracing::Instrument;
use vision::capture::CapturedFrame;
use vision::frame_window::WindowHandle;

use crate::config::{Config, RunConfig};
use crate::metrics::{self, Metrics};
use crate::moments::{FinishedTable, MomentTable, Moments, SharedSlot};
use crate::report::events::EventWriter;
use crate::report::mode::ReportMode;
use crate::run::assemble::PoseConsumers;
use crate::run::camera_share::CameraShare;
use crate::run::stream::{OpenStream, ReadyStream, Step, files_of, open_consumers};
use crate::run::stream_emitter::StreamEmitter;
use verdict::{CameraOutcome, verdict};

/// How long the table may take to end after the user has asked for the end.
const FINISH_TIMEOUT: Duration = Duration::from_secs(5);

/// Streams all cameras to their ends, or until interrupted. Nothing begins before all of them are open and a worker takes
/// each; one that ends or fails later does not end the others. `window`: shows all of them.
pub(super) async fn run(
    mut config: RunConfig,
    window: Option<WindowHandle>,
    interrupt: Interrupt,
) -> Result<ExitStatus> {
    check_files(&config)?;
    let streams = std::mem::take(&mut config.streams);
    let (first, names) = (streams[0].clone(), names(&streams));
    let (emitter, rule_outputs) = tokio::select! {
        opened = open_consumers(&first) => opened?,
        () = interrupt.raised() => return Ok(ExitStatus::Interrupted),
    };
    let labels: Vec<_> = names.iter().map(|name| Some(&**name)).collect();
    let served = metrics::serve(first.metrics, &labels).await?;
    let metrics: Vec<_> = (0..streams.len())
        .map(|index| served.metrics(index))
        .collect();
    let consumers = consumers(&names, emitter, &metrics, window);
    let opened = match open(streams, consumers, &interrupt).await? {
        Ok(opened) => opened,
        Err(ended) => return Ok(ended),
    };
    if let Some(loaded) = &config.rules {
        rules::warn_unused(&loaded.rules, &opened);
    }
    let (moments, slot) = moments(&opened, config.sync_tolerance)?;
    let mut ready = match connect(opened, &interrupt).await? {
        Ok(ready) => ready,
        Err(ended) => return Ok(ended),
    };
    let outputs = config.rules.as_ref().zip(rule_outputs);
    let acting = outputs.map(|(loaded, outputs)| rules::start(loaded, outputs, &ready, metrics));
    let (acting, table) = match with_table(acting.transpose(), &config, &first, &names) {
        Ok(made) => made,
        Err(error) => {
            leave(ready).await;
            return Err(error);
        }
    };
    let is_timed = !first.has_end();
    for (index, stream) in ready.iter_mut().enumerate() {
        stream.shares(CameraShare {
            index,
            name: Arc::clone(&names[index]),
            moments: moments.of(index),
            slot: slot.as_ref().map(|slot| slot.of(index)),
            table: Arc::clone(&table),
            is_timed,
            rules: acting.clone(),
        });
    }
    let outcomes = stream_all(ready, &names, &interrupt).await;
    let mut wrong = rules::finish(acting, first.report_mode, config.rules.as_ref()).await;
    let finished = finish(table, &interrupt).await;
    let parts = SentParts::of(&moments, slot.as_deref());
    report(&first, &names, finished.as_ref().ok(), parts);
    let of_table = finished.map(|finished| finished.wrong.map(Into::into));
    wrong.extend(of_table.unwrap_or_else(Some));
    verdict(outcomes, wrong)
}

/// The table of moments beside what was begun before it.
fn with_table<T>(
    begun: Result<T>,
    config: &RunConfig,
    first: &Config,
    names: &[Arc<str>],
) -> Result<(T, Arc<MomentTable>)> {
    let begun = begun?;
    let table = table(first, config.moments_file.as_deref(), names)?;
    Ok((begun, Arc::new(table)))
}

/// What gets the poses of each camera. The streams have the emitter and `window` then: the last of them closes both.
fn consumers(
    names: &[Arc<str>],
    emitter: Emitter,
    metrics: &[Metrics],
    window: Option<WindowHandle>,
) -> Vec<PoseConsumers> {
    let emitter = StreamEmitter::new(emitter);
    let of_camera = |((name, metrics), key): ((&Arc<str>, &Metrics), u64)| {
        let tile = window.as_ref().map(|window| window.tile(name));
        let consumers = PoseConsumers::new(emitter.of_stream(key), None, tile, None);
        consumers.counted(metrics.clone())
    };
    names.iter().zip(metrics).zip(0..).map(of_camera).collect()
}

fn names(streams: &[Config]) -> Vec<Arc<str>> {
    let name = |stream: &Config| stream.camera.clone().unwrap_or_default();
    streams.iter().map(name).collect()
}

/// Refuses to overwrite files, and files that two streams would write.
fn check_files(config: &RunConfig) -> Result<()> {
    let overwrite = config.streams[0].overwrite;
    let files = config.streams.iter().map(files_of);
    let events = config.rules.iter().filter_map(|it| it.events.as_ref());
    let events = events.map(|it| it.path.clone());
    let mut all: Vec<PathBuf> = config.moments_file.iter().cloned().chain(events).collect();
    for files in files {
        check_all_free(&files, overwrite)?;
        // All streams may write to standard output.
        all.extend(files.into_iter().filter(|file| file.as_os_str() != "-"));
    }
    Ok(check_all_free(&all, overwrite)?)
}

/// Opens the sources, one after the other: cameras may share a bus.
async fn open(
    streams: Vec<Config>,
    consumers: Vec<PoseConsumers>,
    interrupt: &Interrupt,
) -> Result<Step<Vec<OpenStream>>> {
    let mut opened = Vec::new();
    for (config, consumers) in streams.into_iter().zip(consumers) {
        let camera = config.camera.clone().unwrap_or_default();
        let stream = OpenStream::open(config, consumers, None, interrupt);
        match stream.await.with_context(|| about(&camera))? {
            Ok(stream) => opened.push(stream),
            Err(ended) => return Ok(Err(ended)),
        }
    }
    Ok(Ok(opened))
}

/// Finds workers for all streams. Where one is not taken, none begins.
async fn connect(
    streams: Vec<OpenStream>,
    interrupt: &Interrupt,
) -> Result<Step<Vec<ReadyStream>>> {
    let mut ready = Vec::new();
    for stream in streams {
        let camera = stream.config.camera.clone().unwrap_or_default();
        let connected = stream.connect(interrupt).await;
        match connected.with_context(|| about(&camera)) {
            Ok(Ok(stream)) => ready.push(stream),
            Ok(Err(ended)) => {
                leave(ready).await;
                return Ok(Err(ended));
            }
            Err(error) => {
                leave(ready).await;
                return Err(error);
            }
        }
    }
    Ok(Ok(ready))
}

async fn leave(ready: Vec<ReadyStream>) {
    for stream in ready {
        stream.leave().await;
    }
}

/// Where the newest frames of live cameras wait.
type CameraFrames = Arc<SharedSlot<CapturedFrame>>;

/// What groups the frames, and what leaves out those of live cameras together.
fn moments(
    opened: &[OpenStream],
    tolerance: Option<Duration>,
) -> Result<(Arc<Moments>, Option<CameraFrames>)> {
    let streams: Vec<_> = opened.iter().map(|it| (&it.config, it.info())).collect();
    if streams.iter().all(|(config, _)| config.has_end()) {
        limits::check_recordings(&streams)?;
        return Ok((Moments::by_frame(streams.len()), None));
    }
    let limits = limits::of(&streams, tolerance);
    tracing::info!(
        "frames that were captured within {:.1} ms belong to one moment",
        limits.tolerance.as_secs_f64() * 1e3
    );
    let slot = SharedSlot::new(streams.len(), limits::of_slot(limits));
    Ok((Moments::by_time(streams.len(), limits), Some(slot)))
}

/// The table of moments.
fn table(config: &Config, file: Option<&Path>, names: &[Arc<str>]) -> Result<MomentTable> {
    let columns = MomentColumns {
        cameras: names.iter().map(ToString::to_string).collect(),
        are_recorded: config.record.is_some(),
    };
    let output = file.map(|path| MomentsOutput::create(path, config.overwrite, columns));
    Ok(MomentTable::new(names.len(), output.transpose()?))
}

/// Streams all cameras at the same time. How each has ended.
async fn stream_all(
    streams: Vec<ReadyStream>,
    names: &[Arc<str>],
    interrupt: &Interrupt,
) -> Vec<CameraOutcome> {
    let mut running = JoinSet::new();
    for (index, stream) in streams.into_iter().enumerate() {
        let interrupt = interrupt.clone();
        let camera = tracing::error_span!("camera", name = %names[index]);
        let stream = async move { stream.stream(&interrupt).await }.instrument(camera);
        running.spawn(async move { (index, stream.await) });
    }
    let mut outcomes: Vec<Option<Result<ExitStatus>>> = names.iter().map(|_| None).collect();
    while let Some(ended) = running.join_next().await {
        // A panic is logged where it happens; its camera has no outcome.
        let Ok((index, outcome)) = ended else {
            continue;
        };
        if let Err(error) = &outcome
            && !running.is_empty()
        {
            let camera = about(&names[index]);
            tracing::warn!("{camera} has ended: {error:#}; the others go on");
        }
        outcomes[index] = Some(outcome);
    }
    let named = names.iter().cloned().zip(outcomes);
    named
        .map(|(camera, outcome)| CameraOutcome {
            camera,
            outcome: outcome.unwrap_or_else(|| Err(anyhow::anyhow!("it stopped unexpectedly"))),
        })
        .collect()
}

fn about(camera: &str) -> String {
    format!("camera {camera}")
}

/// Completes the table. After an interrupt the client waits only so long for a disk that takes nothing.
async fn finish(table: Arc<MomentTable>, interrupt: &Interrupt) -> Result<FinishedTable> {
    let finish = tokio::task::spawn_blocking(move || table.finish());
    let too_long = async {
        interrupt.raised().await;
        tokio::time::sleep(FINISH_TIMEOUT).await;
    };
    tokio::select! {
        finished = finish => finished.context("writing the table of moments stopped unexpectedly"),
        () = too_long => Err(anyhow::anyhow!("the table of moments is not complete: the disk takes nothing")),
    }
}

/// What was not sent with the rest of its moment.
#[derive(Debug, Clone, Copy)]
struct SentParts {
    /// Moments of which frames were sent and others left out.
    split: u64,
    /// Frames with which moments began while another camera could send none.
    alone: u64,
}

impl SentParts {
    fn of(moments: &Moments, slot: Option<&SharedSlot<CapturedFrame>>) -> Self {
        Self {
            split: moments.split(),
            alone: slot.map_or(0, SharedSlot::alone),
        }
    }
}

/// Reports the moments.
fn report(config: &Config, names: &[Arc<str>], finished: Option<&FinishedTable>, parts: SentParts) {
    let Some(FinishedTable { counts, file, .. }) = finished else {
        return;
    };
    if counts.all > 0 && counts.complete == 0 {
        tracing::warn!(
            "no moment has poses of all cameras: --sync-tolerance MS says how far the times of capture may lie apart"
        );
    }
    // They are about all cameras.
    if let Some(events) = EventWriter::of(config.report_mode) {
        events.moments(json!({
            "moments": counts.all,
            "complete": counts.complete,
            "sent_in_part": parts.split,
            "sent_alone": parts.alone,
            "cameras": names.iter().map(|name| &**name).collect::<Vec<_>>(),
            "table": file.as_ref().map(|(path, _)| path),
        }));
    } else if config.report_mode == ReportMode::ForPeople {
        let (all, complete) = (counts.all, counts.complete);
        let in_part = match parts.split {
            0 => String::new(),
            split => format!(", {split} sent in part"),
        };
        let line =
            format!("moments       {all:>9}   {complete} with poses of all cameras{in_part}");
        let saved = file
            .iter()
            .map(|(path, rows)| format!("saved         {path}   {rows} moments"));
        let lines: Vec<_> = std::iter::once(line).chain(saved).collect();
        cli::say(lines);
    }
}
