//! One stream from source to its end.

use std::time::Instant;

use anyhow::{Context, Result};
use cli::{ExitStatus, Interrupt};
use emit::Emitter;
use labels::check_all_free;
use link::Channel;
use protocol::StreamAck;
use vision::capture::Capture;
use vision::frame_window::WindowHandle;
use vision::record;

use crate::config::Config;
use crate::connect::handshake::is_answered;
use crate::connect::reconnect::Dialer;
use crate::report::events::Events;
use crate::report::progress::Progress;
use crate::run::assemble::{self, Audience, Parts, prepare};
use crate::run::ending::{self, Ended};
use crate::run::receive::Receiving;
use crate::run::results::Answers;
use crate::run::stream_start::stream_start;
use crate::run::wants::Wants;
use crate::send::pipeline::Stages;

/// Streams the configured source to its end, or until interrupted.
pub(crate) async fn run(
    config: Config,
    screen: Option<WindowHandle>,
    interrupt: Interrupt,
) -> Result<ExitStatus> {
    // Everything that can be wrong on this side is found out before the worker is bothered.
    let index = config.record.as_deref().map(record::index_path);
    let files = config.outputs.iter().chain(&config.snapshot);
    check_all_free(files.chain(&config.record).chain(&index), config.overwrite)?;
    let emitter = tokio::select! {
        emitter = open_emitter(&config) => emitter?,
        () = interrupt.raised() => return Ok(ExitStatus::Interrupted),
    };
    let audience = Audience { emitter, screen };
    let capture = tokio::select! {
        capture = open(&config) => capture?,
        () = interrupt.raised() => return Ok(ExitStatus::Interrupted),
    };
    assemble::check(&config, capture.info())?;
    let dialer = Dialer::new(
        config.connect.clone(),
        config.lanes,
        config.is_live(capture.info()),
        stream_start(&config, capture.info()),
    );
    let mut channel = tokio::select! {
        channel = dialer.connect() => channel?,
        () = interrupt.raised() => return Ok(ExitStatus::Interrupted),
    };
    let ack = tokio::select! {
        ack = dialer.announce(&mut channel) => ack,
        () = interrupt.raised() => {
            channel.sender.close().await;
            return Ok(ExitStatus::Interrupted);
        }
    };
    let welcome = ack.and_then(|ack| {
        Wants::of(&config).check(&ack, &dialer.worker())?;
        Ok(ack)
    });
    match welcome {
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
) -> Result<ExitStatus> {
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
    let frames = config.frames_to_send(&info);
    if let Some(events) = Events::of(config.messages) {
        events.connected(&info, frames, &ack);
    }
    let progress = Progress::start(frames, config.messages);
    let recovery = stages.recovery();
    let mut run = Receiving::new(channel, &ack, line, dialer, recovery, interrupt, progress);
    let outcome = run.run(&mut answers, &mut stages).await;
    run.leave(answers.report.seconds(), &stages).await;
    account(&mut answers, &stages, is_answered(&ack));
    let ended = Ended {
        outcome,
        source: stages.finish().await,
        name: info.name,
        worker: dialer.worker(),
        not_found: run.not_found(),
        // Whatever the outcome: the worker hears that this client is gone, and is free.
        because: run.close().await,
        is_answered: is_answered(&ack),
    };
    ending::end(config, ended, answers, recording, interrupt).await
}

/// Completes the counts of a stream that has ended.
fn account(answers: &mut Answers, stages: &Stages, answered: bool) {
    answers.report.emitted = answers.emitter.end();
    let (sent, dropped) = (stages.sent(), stages.dropped());
    answers.report.look(sent, dropped, Instant::now());
    if answered {
        answers.report.unanswered = stages.unanswered();
    }
}
