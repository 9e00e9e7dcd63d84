//! One stream from source to summary.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use cli::{Exit, Interrupt};
use emit::{Emitter, Stream};
use link::Channel;
use protocol::StreamAck;
use recordings::{Outputs, check_free};
use vision::capture::{Capture, SourceInfo};
use vision::record;
use vision::viewer::{Picture, Screen};

use crate::answers::Answers;
use crate::args::{Config, Messages};
use crate::events::Events;
use crate::handshake::frames_to_send;
use crate::line::Line;
use crate::output;
use crate::plan;
use crate::progress::Progress;
use crate::receive::{End, Receiving};
use crate::redial::Dialer;
use crate::stages::Stages;

/// Who gets poses while the stream runs.
struct Audience {
    emitter: Emitter,
    screen: Option<Screen>,
}

/// Streams the configured source to its end, or until interrupted.
pub(crate) async fn run(
    config: Config,
    screen: Option<Screen>,
    interrupt: Interrupt,
) -> Result<Exit> {
    // Everything that can be wrong on this side is found out before the worker is bothered.
    let index = config.record.as_deref().map(record::index_path);
    let files = config.outputs.iter().chain(&config.snapshot);
    for file in files.chain(&config.record).chain(&index) {
        check_free(file, config.overwrite)?;
    }
    let emitter = tokio::select! {
        emitter = open_emitter(&config) => emitter?,
        () = interrupt.raised() => return Ok(Exit::Interrupted),
    };
    let audience = Audience { emitter, screen };
    let capture = tokio::select! {
        capture = open(&config) => capture?,
        () = interrupt.raised() => return Ok(Exit::Interrupted),
    };
    if config.record.is_some() && !capture.info().is_live && !config.is_pattern() {
        bail!(
            "--record is for live sources: {} is a file already",
            capture.info().name
        );
    }
    let dialer = Dialer::new(&config, capture.info());
    let mut channel = tokio::select! {
        channel = dialer.connect() => channel?,
        () = interrupt.raised() => return Ok(Exit::Interrupted),
    };
    let ack = tokio::select! {
        ack = dialer.announce(&mut channel) => ack,
        () = interrupt.raised() => {
            channel.sender.close().await;
            return Ok(Exit::Interrupted);
        }
    };
    match ack {
        Ok(ack) => {
            stream(
                &config, capture, audience, &dialer, channel, ack, &interrupt,
            )
            .await
        }
        Err(error) => {
            channel.sender.close().await;
            Err(error)
        }
    }
}

async fn open(config: &Config) -> Result<Capture> {
    let capture = config.capture.clone();
    tokio::task::spawn_blocking(move || Capture::open(capture))
        .await
        .context("opening the source stopped unexpectedly")?
        .map_err(Into::into)
}

/// Looks up names, which may take a while.
async fn open_emitter(config: &Config) -> Result<Emitter> {
    let targets = config.emit.clone();
    let open = tokio::task::spawn_blocking(move || Emitter::open(&targets));
    open.await
        .context("opening --emit stopped unexpectedly")?
        .map_err(Into::into)
}

/// Streams over a channel on which the worker has said that it is ready.
async fn stream(
    config: &Config,
    capture: Capture,
    audience: Audience,
    dialer: &Dialer,
    channel: Channel,
    ack: StreamAck,
    interrupt: &Interrupt,
) -> Result<Exit> {
    let info = capture.info().clone();
    let Audience {
        mut emitter,
        screen,
    } = audience;
    let answered = ack.answers || ack.model.is_some();
    // Only now, so that a run that never began leaves no file and replaces none.
    let header = output::header(config, &info, &ack);
    let prepare = || -> Result<_> {
        let outputs = Outputs::open(&config.outputs, config.overwrite, &header)?;
        let (mut plan, adaptation) = plan::make(config, &info, answered, screen.is_some())?;
        plan.lanes = channel.sender.lanes();
        let (recording, tap) = start_recording(config, &info)?.unzip();
        plan.recording = tap;
        Ok((outputs, plan, adaptation, recording))
    };
    let (outputs, plan, adaptation, recording) = match prepare() {
        Ok(prepared) => prepared,
        Err(error) => {
            channel.sender.close().await;
            return Err(error);
        }
    };
    let skeleton = ack.skeleton.clone().unwrap_or_default();
    emitter.start(Stream {
        source: info.name.clone(),
        skeleton: skeleton.clone(),
    });
    let mut answers = Answers::new(outputs, emitter, screen, adaptation, skeleton);
    let (line, tap) = Line::new(channel.sender.clone());
    let mut stages = Stages::start(capture, plan, tap)?;
    let frames = frames_to_send(config, &info);
    let events = Events::of(config.messages);
    if let Some(events) = events {
        events.connected(&info, frames, &ack);
    }
    let progress = Progress::start(frames, config.messages);
    let mut run = Receiving::new(channel, &ack, line, dialer, interrupt, progress);
    let outcome = run.run(&mut answers, &mut stages).await;
    run.leave(answers.report.seconds(), &stages).await;
    let unanswered = if answered { stages.unanswered() } else { 0 };
    answers.report.emitted = answers.emitter.end();
    let (sent, dropped) = (stages.sent(), stages.dropped());
    answers.report.look(sent, dropped, Instant::now());
    answers.report.unanswered = unanswered as u64;
    let source = stages.finish().await;
    // Whatever the outcome: the worker hears that this client is gone, and is free.
    let because = run.close().await;

    std::mem::take(&mut answers.emitter).close().await;
    // What was predicted is kept and told before anything that went wrong.
    let outputs = std::mem::take(&mut answers.outputs);
    let (written, recorded) = tokio::task::block_in_place(|| {
        let recorded = recording.map(record::Recording::finish).transpose();
        (outputs.finish(), recorded)
    });
    if let Ok(Some(recorded)) = &recorded {
        answers.report.not_recorded = recorded.left_out;
    }
    let pictured = keep_snapshot(config.snapshot.as_deref(), answers.last_picture());
    match events {
        Some(events) => events.summary(&answers.report),
        None if config.messages == Messages::ForPeople => {
            cli::terminal::say(answers.report.summary())
        }
        None => {}
    }
    if let (Err(error), Err(_)) = (&outcome, &written) {
        tracing::warn!("{error:#}");
    }
    written?;
    let end = outcome?;
    verdict(end, &answers, &because)?;
    if let Err(error) = source?
        && end != End::Interrupted
    {
        return Err(error.into());
    }
    pictured?;
    recorded?;
    Ok(match end {
        End::Interrupted => Exit::Interrupted,
        _ => Exit::Done,
    })
}

/// Begins the recording of what is sent, if there is to be one.
fn start_recording(
    config: &Config,
    info: &SourceInfo,
) -> Result<Option<(record::Recording, record::Tap)>> {
    /// Where the source does not tell.
    const USUAL_FPS: f64 = 30.0;
    let Some(path) = config.record.clone() else {
        return Ok(None);
    };
    let fps = config.capture.fps.or(info.fps).unwrap_or(USUAL_FPS);
    let recording = record::start(record::Config {
        path,
        overwrite: config.overwrite,
        fps: fps / f64::from(config.capture.selection.sample_rate),
        width: info.width,
        height: info.height,
        channels: info.channels,
    })?;
    Ok(Some(recording))
}

/// What an ended stream amounts to.
fn verdict(end: End, answers: &Answers, because: &str) -> Result<()> {
    let report = &answers.report;
    let kept = report.predictions;
    match end {
        End::Interrupted | End::NoReader => Ok(()),
        End::Lost => bail!(
            "the connection to the worker was lost after {} frames{because}; {kept} predictions are kept",
            report.sent.frames,
        ),
        End::Silent => {
            bail!("the worker did not confirm the end of the stream; {kept} predictions are kept")
        }
        End::Complete if report.unanswered > 0 => {
            bail!("{} frames were not answered", report.unanswered)
        }
        End::Complete if report.failed > 0 && report.failed == report.sent.frames => bail!(
            "the worker could use none of the frames: {}",
            answers.last_failure.as_deref().unwrap_or("no reason given")
        ),
        End::Complete => Ok(()),
    }
}

fn keep_snapshot(path: Option<&Path>, last: Option<Picture>) -> Result<()> {
    match (path, last) {
        (Some(path), Some(picture)) => {
            let drawn = picture.draw().context("cannot draw the poses")?;
            vision::png::write(path, &drawn)
                .with_context(|| format!("cannot write the picture {}", path.display()))
        }
        (Some(path), None) => {
            tracing::warn!(path = %path.display(), "no picture written: no frame came back");
            Ok(())
        }
        (None, _) => Ok(()),
    }
}
