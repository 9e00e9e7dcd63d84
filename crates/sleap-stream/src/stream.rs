//! One stream from source to summary.

use std::time::Instant;

use anyhow::{Context, Result, bail};
use cli::{Exit, Interrupt};
use emit::Emitter;
use link::Channel;
use protocol::StreamAck;
use recordings::check_all_free;
use vision::capture::Capture;
use vision::record::{self, Recording};
use vision::viewer::{Picture, Screen};

use crate::answers::Answers;
use crate::args::{Config, Messages};
use crate::events::Events;
use crate::handshake::frames_to_send;
use crate::output;
use crate::parts::{self, Audience, Parts, is_answered, prepare};
use crate::progress::Progress;
use crate::receive::{End, Receiving};
use crate::redial::Dialer;
use crate::stages::Stages;

/// Streams the configured source to its end, or until interrupted.
pub(crate) async fn run(
    config: Config,
    screen: Option<Screen>,
    interrupt: Interrupt,
) -> Result<Exit> {
    // Everything that can be wrong on this side is found out before the worker is bothered.
    let index = config.record.as_deref().map(record::index_path);
    let files = config.outputs.iter().chain(&config.snapshot);
    check_all_free(files.chain(&config.record).chain(&index), config.overwrite)?;
    let emitter = tokio::select! {
        emitter = open_emitter(&config) => emitter?,
        () = interrupt.raised() => return Ok(Exit::Interrupted),
    };
    let audience = Audience { emitter, screen };
    let capture = tokio::select! {
        capture = open(&config) => capture?,
        () = interrupt.raised() => return Ok(Exit::Interrupted),
    };
    parts::check(&config, capture.info())?;
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
    // Only now, so that a run that never began leaves no file and replaces none.
    let parts = match prepare(config, capture, audience, &ack, &channel.sender) {
        Ok(parts) => parts,
        Err(error) => {
            channel.sender.close().await;
            return Err(error);
        }
    };
    let Parts {
        mut answers,
        mut stages,
        line,
        recording,
    } = parts;
    let frames = frames_to_send(config, &info);
    let events = Events::of(config.messages);
    if let Some(events) = events {
        events.connected(&info, frames, &ack);
    }
    let progress = Progress::start(frames, config.messages);
    let mut run = Receiving::new(channel, &ack, line, dialer, interrupt, progress);
    let outcome = run.run(&mut answers, &mut stages).await;
    run.leave(answers.report.seconds(), &stages).await;
    account(&mut answers, &stages, is_answered(&ack));
    let source = stages.finish().await;
    // Whatever the outcome: the worker hears that this client is gone, and is free.
    let not_found = run.not_found();
    let because = run.close().await;

    std::mem::take(&mut answers.emitter).close().await;
    // What was predicted is kept and told before anything that went wrong.
    let mut wrong = Vec::new();
    let outputs = std::mem::take(&mut answers.outputs);
    match output::finish(outputs, interrupt).await {
        Ok(lacking) => wrong.extend(lacking.into_iter().map(Into::into)),
        Err(error) => wrong.push(error),
    }
    let recorded = finish_recording(recording, &mut answers);
    let pictured = keep_snapshot(config, answers.last_picture());
    match events {
        Some(events) => events.summary(&answers.report),
        None if config.messages == Messages::ForPeople => cli::say(answers.report.summary()),
        None => {}
    }
    let end = outcome.as_ref().ok().copied();
    let ended = outcome.and_then(|end| verdict(end, &answers, &because, &not_found));
    let source = source.and_then(|ended| match ended {
        Err(error) if end != Some(End::Interrupted) => Err(error.into()),
        _ => Ok(()),
    });
    wrong.extend(
        [ended, source, pictured, recorded]
            .into_iter()
            .filter_map(Result::err),
    );
    first(wrong)?;
    Ok(match end {
        Some(End::Interrupted) => Exit::Interrupted,
        _ => Exit::Done,
    })
}

/// Completes the counts of a stream that has ended.
fn account(answers: &mut Answers, stages: &Stages, answered: bool) {
    answers.report.emitted = answers.emitter.end();
    let (sent, dropped) = (stages.sent(), stages.dropped());
    answers.report.look(sent, dropped, Instant::now());
    answers.report.unanswered = match answered {
        true => stages.unanswered() as u64,
        false => 0,
    };
}

fn finish_recording(recording: Option<Recording>, answers: &mut Answers) -> Result<()> {
    let Some(recording) = recording else {
        return Ok(());
    };
    let (recorded, outcome) = tokio::task::block_in_place(|| recording.finish());
    answers.report.not_recorded = recorded.left_out;
    Ok(outcome?)
}

/// Fails with the first of all that went wrong, and tells the rest.
fn first(wrong: Vec<anyhow::Error>) -> Result<()> {
    let mut wrong = wrong.into_iter();
    let first = wrong.next();
    for other in wrong {
        tracing::warn!("{other:#}");
    }
    first.map_or(Ok(()), Err)
}

/// What an ended stream amounts to.
fn verdict(end: End, answers: &Answers, because: &str, not_found: &str) -> Result<()> {
    let report = &answers.report;
    let kept = report.predictions;
    match end {
        End::Interrupted | End::NoReader => Ok(()),
        End::Lost => bail!(
            "the connection to the worker was lost after {} frames{because}; {kept} predictions are kept{not_found}",
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

fn keep_snapshot(config: &Config, last: Option<Picture>) -> Result<()> {
    match (&config.snapshot, last) {
        (Some(path), Some(picture)) => {
            let drawn = picture.draw().context("cannot draw the poses")?;
            vision::png::write(path, &drawn, config.overwrite)
                .with_context(|| format!("cannot write the picture {}", path.display()))
        }
        (Some(path), None) => {
            tracing::warn!(path = %path.display(), "no picture written: no frame came back");
            Ok(())
        }
        (None, _) => Ok(()),
    }
}
