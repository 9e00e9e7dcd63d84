//! One stream from source to its end.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use cli::{ExitStatus, Interrupt};
use closed_loop::{EndedRules, OpenOutputs};
use emit::Emitter;
use labels::check_all_free;
use link::Channel;
use protocol::StreamAck;
use vision::capture::{Capture, SourceInfo};
use vision::frame_window::WindowTile;
use vision::record;

use crate::config::Config;
use crate::connect::handshake::returns_results;
use crate::connect::reconnect::Reconnector;
use crate::metrics;
use crate::report::progress::Progress;
use crate::report::run_report::RuleEvents;
use crate::run::assemble::{self, PoseConsumers, StreamParts, prepare};
use crate::run::camera_share::CameraShare;
use crate::run::ending::{self, EndedStream};
use crate::run::first_frame::{self, PushedSource};
use crate::run::receive::ReceiveLoop;
use crate::run::results::ResultHandler;
use crate::run::stream_emitter::StreamEmitter;
use crate::run::stream_source::StreamSource;
use crate::run::stream_start::{log_narrowing, stream_start};
use crate::run::wants::Wants;
use crate::send::frame_watcher::SharedWatcher;
use crate::send::pipeline::SendPipeline;

/// What a stream has beside its options.
#[derive(Default)]
pub(crate) struct StreamContext {
    /// Shows it.
    pub(crate) screen: Option<WindowTile>,
    /// Sees its frames.
    pub(crate) watcher: Option<SharedWatcher>,
    /// The frames of a program, which are streamed instead of the source that the options name.
    pub(crate) pushed: Option<PushedSource>,
}

/// A stage of a stream that has begun, or how the run has ended before.
pub(crate) type Step<T> = Result<T, ExitStatus>;

/// A stream whose source is open.
pub(crate) struct OpenStream {
    pub(crate) config: Config,
    source: StreamSource,
    consumers: PoseConsumers,
    reconnector: Reconnector,
}

/// A stream that the worker takes.
pub(crate) struct ReadyStream {
    pub(crate) config: Config,
    capture: Capture,
    consumers: PoseConsumers,
    reconnector: Reconnector,
    channel: Channel,
    ack: StreamAck,
}

/// Streams the configured source to its end, or until interrupted.
pub(crate) async fn run(
    config: Config,
    context: StreamContext,
    interrupt: Interrupt,
) -> Result<ExitStatus> {
    // Everything that can be wrong at the client is checked before the worker is contacted.
    check_all_free(files_of(&config).iter(), config.overwrite)?;
    let (emitter, rule_outputs) = tokio::select! {
        opened = open_consumers(&config) => opened?,
        () = interrupt.raised() => return Ok(ExitStatus::Interrupted),
    };
    let served = metrics::serve(config.metrics, &[None]).await?;
    let emitter = StreamEmitter::new(emitter);
    let consumers = PoseConsumers::new(emitter, rule_outputs, context.screen, context.watcher)
        .counted(served.metrics(0));
    let opened = OpenStream::open(config, consumers, context.pushed, &interrupt).await?;
    let ready = match opened {
        Ok(opened) => opened.connect(&interrupt).await?,
        Err(ended) => return Ok(ended),
    };
    match ready {
        Ok(ready) => ready.stream(&interrupt).await,
        Err(ended) => Ok(ended),
    }
}

impl OpenStream {
    /// Opens the source.
    pub(crate) async fn open(
        config: Config,
        consumers: PoseConsumers,
        pushed: Option<PushedSource>,
        interrupt: &Interrupt,
    ) -> Result<Step<Self>> {
        let source = tokio::select! {
            source = StreamSource::open(&config, pushed) => source?,
            () = interrupt.raised() => return Ok(Err(ExitStatus::Interrupted)),
        };
        assemble::check(&config, source.info())?;
        log_narrowing(&config, source.info());
        let reconnector = Reconnector::new(
            config.connect.clone(),
            config.lanes,
            config.is_live(source.info()),
            stream_start(&config, source.info()),
        );
        reconnector.check()?;
        Ok(Ok(Self {
            config,
            source,
            consumers,
            reconnector,
        }))
    }

    /// What is known of the source.
    pub(crate) fn info(&self) -> &SourceInfo {
        self.source.info()
    }

    /// Finds a worker that takes the stream.
    pub(crate) async fn connect(self, interrupt: &Interrupt) -> Result<Step<ReadyStream>> {
        let Self {
            config,
            source,
            consumers,
            reconnector,
        } = self;
        let mut channel = tokio::select! {
            channel = reconnector.connect() => channel?,
            () = interrupt.raised() => return Ok(Err(ExitStatus::Interrupted)),
        };
        let watcher = consumers.watcher.clone();
        let begun = tokio::select! {
            begun = begin(&config, source, &mut channel, watcher, &reconnector) => begun,
            () = interrupt.raised() => Ok(Err(ExitStatus::Interrupted)),
        };
        match begun {
            Ok(Ok((capture, ack))) => Ok(Ok(ReadyStream {
                config,
                capture,
                consumers,
                reconnector,
                channel,
                ack,
            })),
            Ok(Err(ended)) => {
                channel.sender.close().await;
                Ok(Err(ended))
            }
            Err(error) => {
                channel.sender.close().await;
                Err(error)
            }
        }
    }
}

/// Announces the stream and waits until there are frames: those of a program begin when it hands in the first.
/// Otherwise how the run ends without any.
async fn begin(
    config: &Config,
    source: StreamSource,
    channel: &mut Channel,
    watcher: Option<SharedWatcher>,
    reconnector: &Reconnector,
) -> Result<Result<(Capture, StreamAck), ExitStatus>> {
    let mut ack = reconnector.announce(channel).await?;
    let worker = reconnector.worker();
    Wants::of(config).check(&ack, &worker)?;
    if let Some(watcher) = watcher {
        watcher.connected(&ack, &worker);
    }
    let capture = match source {
        StreamSource::Open(capture) => Some(capture),
        StreamSource::Pushed(pushed) => {
            first_frame::wait(pushed.first, channel, &mut ack, reconnector).await?
        }
    };
    Ok(capture.map(|it| (it, ack)).ok_or(ExitStatus::Done))
}

/// The files that a stream writes.
pub(crate) fn files_of(config: &Config) -> Vec<PathBuf> {
    let index = config.record.as_deref().map(record::index_path);
    let events = config.rules.as_ref().and_then(|it| it.events.as_ref());
    let events = events.map(|it| it.path.clone());
    let files = config.outputs.iter().chain(&config.snapshot);
    let files = files.cloned().chain(events);
    files.chain(config.record.clone()).chain(index).collect()
}

/// Opens what poses and events are sent to.
pub(crate) async fn open_consumers(config: &Config) -> Result<(Emitter, Option<OpenOutputs>)> {
    Ok((
        open_emitter(config).await?,
        open_rule_outputs(config).await?,
    ))
}

/// Looks up names, which may take a while.
async fn open_emitter(config: &Config) -> Result<Emitter> {
    let targets = config.emit.clone();
    let open = tokio::task::spawn_blocking(move || Emitter::open(&targets));
    open.await
        .context("opening --emit stopped unexpectedly")?
        .map_err(Into::into)
}

/// Opens what rules switch: ports, and targets whose names are looked up.
async fn open_rule_outputs(config: &Config) -> Result<Option<OpenOutputs>> {
    let Some(loaded) = config.rules.clone() else {
        return Ok(None);
    };
    OpenOutputs::open_aside(loaded.rules, config.emit.clone())
        .await
        .map(Some)
}

impl ReadyStream {
    /// The nodes of the worker's poses.
    pub(crate) fn nodes(&self) -> &[String] {
        let skeleton = self.ack.skeleton.as_ref();
        skeleton.map_or(&[][..], |skeleton| skeleton.nodes.as_slice())
    }

    /// The stream is one of several, and shares this with the others.
    pub(crate) fn shares(&mut self, share: CameraShare) {
        self.consumers.camera = Some(share);
    }

    /// The stream does not begin after all.
    pub(crate) async fn leave(self) {
        self.channel.sender.close().await;
    }

    /// Streams to the end of the source, or until interrupted.
    pub(crate) async fn stream(self, interrupt: &Interrupt) -> Result<ExitStatus> {
        let Self {
            config,
            capture,
            consumers,
            reconnector,
            channel,
            ack,
        } = self;
        let info = capture.info().clone();
        let stamped = capture.timing().and_then(|timing| timing.edge);
        // Only now, so that a run that never began leaves no file and replaces none.
        let mut parts = match prepare(&config, capture, consumers, &ack, &channel.sender) {
            Ok(parts) => parts,
            Err(error) => {
                channel.sender.close().await;
                return Err(error);
            }
        };
        parts.results.report.stamped = stamped;
        let recording = parts.recording.take();
        let (ended, results) = receive(
            &config,
            parts,
            &reconnector,
            channel,
            &ack,
            &info,
            interrupt,
        )
        .await;
        ending::end(&config, ended, results, recording, interrupt).await
    }
}

/// Takes the results of a stream that has begun, until it has ended.
async fn receive(
    config: &Config,
    parts: StreamParts,
    reconnector: &Reconnector,
    channel: Channel,
    ack: &StreamAck,
    info: &SourceInfo,
    interrupt: &Interrupt,
) -> (EndedStream, ResultHandler) {
    let StreamParts {
        mut results,
        mut pipeline,
        uplink,
        ..
    } = parts;
    let frames = report_connected(config, info, ack);
    let progress = Progress::start(frames, config.report_mode, config.camera.clone());
    let recovery = pipeline.recovery();
    let mut run = ReceiveLoop::new(
        channel,
        ack,
        uplink,
        reconnector,
        recovery,
        interrupt,
        progress,
    );
    let outcome = run.run(&mut results, &mut pipeline).await;
    // Of several cameras: rules act on the last frames, too.
    results.end_moments();
    // At once: nothing may stay switched on while the stream is completed.
    let rules = end_rules(config, &mut results).await;
    run.leave(results.report.seconds(), &pipeline).await;
    complete_counts(&mut results, &pipeline, returns_results(ack));
    let source = pipeline.finish().await;
    // Frames that were old already when the camera's driver gave them away.
    let stale = source.iter().flatten().map(|captured| captured.stale);
    results.report.dropped_at_source += stale.sum::<u64>();
    let ended = EndedStream {
        outcome,
        source,
        name: info.name.clone(),
        worker: reconnector.worker(),
        not_found: run.not_found(),
        // Whatever the outcome: the worker learns that this client is gone, and is free.
        because: run.close().await,
        returns_results: returns_results(ack),
        rules,
    };
    (ended, results)
}

/// Reports that the worker is ready; how many frames there will be, where that is known.
fn report_connected(config: &Config, info: &SourceInfo, ack: &StreamAck) -> Option<u64> {
    let frames = config.frames_to_send(info);
    let events = config.events().into_iter();
    events.for_each(|events| events.connected(info, frames, ack));
    if let Some(rate) = ack.expected_fps {
        let source = config
            .capture
            .fps
            .or(info.fps)
            .map(|fps| format!(", and the source has {fps:.1}"));
        tracing::warn!(
            "expect poses of about {rate:.1} frames a second: the worker's model has no more for this stream now{}. Frames \
             are left out, and the newest ones go first",
            source.unwrap_or_default()
        );
    }
    frames
}

/// Ends the rules, and reports their events; what went wrong with them.
async fn end_rules(config: &Config, results: &mut ResultHandler) -> Vec<anyhow::Error> {
    let Some(EndedRules { events, wrong }) = results.closed_loop.finish().await else {
        return Vec::new();
    };
    let file = config.rules.as_ref().and_then(|it| it.events.as_ref());
    results.report.rules = Some(RuleEvents {
        events,
        file: file.map(|it| it.path.display().to_string()),
    });
    wrong
}

/// Completes the counts of a stream that has ended.
fn complete_counts(results: &mut ResultHandler, pipeline: &SendPipeline, answered: bool) {
    results.report.emitted = results.emitter.end();
    let (sent, dropped) = (pipeline.sent(), pipeline.dropped());
    results.report.update_sent(sent, dropped, Instant::now());
    if answered {
        results.report.unanswered = pipeline.unanswered();
    }
    results.publish();
}
