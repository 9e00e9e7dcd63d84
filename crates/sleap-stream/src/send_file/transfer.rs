//! A run from the file to its predictions, over as many connections as it takes.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use cli::{ExitStatus, Interrupt};
use labels::check_free;
use link::{Channel, PeerConfig};
use serde_json::json;
use tokio::time::{interval, sleep};

use super::SendConfig;
use super::download::Saved;
use super::exchange::{Account, Exchange, Outcome};
use super::file_channel::{SILENCE, short};
use super::progress::{Phase, Progress, Summary};
use super::retry::{Next, Tries};
use super::source::{self, Known};
use super::upload_id;
use crate::connect::backoff::{self, Backoff};
use crate::connect::reconnect;
use crate::connect::trust;

/// Between two looks at how far the checksum is.
const LOOK: Duration = Duration::from_millis(100);

/// Sends the file and saves what the worker predicts.
pub(super) async fn run(config: SendConfig, interrupt: Interrupt) -> Result<ExitStatus> {
    // Everything that can be wrong on this side is found out before the worker is bothered.
    check_free(&config.output, config.overwrite)?;
    let mut progress = Progress::start(config.messages);
    let outcome = tokio::select! {
        outcome = transfer(&config, &mut progress) => Some(outcome),
        () = interrupt.raised() => None,
    };
    let (known, account, reconnections, outcome) = match outcome {
        Some(Ok(done)) => done,
        Some(Err(error)) => {
            progress.finish();
            return Err(error);
        }
        None => {
            progress.interrupted();
            return Ok(ExitStatus::Interrupted);
        }
    };
    progress.finish();
    let saved = match outcome.predictions {
        Some(whole) => Some(whole.save(&config.output, config.overwrite)?),
        None => None,
    };
    progress.summary(&Summary {
        file: known,
        sent: account.sent,
        upload: account.upload,
        frames: account.frames,
        waited_for: account.waited_for,
        inference: account.inference,
        reconnections,
        saved: saved.as_ref().map(|saved| saved.path.display().to_string()),
    });
    verdict(&config, outcome.failure, saved)
}

/// Whether everything came and is where it was to be.
fn verdict(
    config: &SendConfig,
    failure: Option<String>,
    saved: Option<Saved>,
) -> Result<ExitStatus> {
    let failure = failure.as_deref().map(short);
    let Some(Saved { path, elsewhere }) = saved else {
        match failure {
            Some(reason) => bail!("the worker has no predictions: {reason}"),
            None => bail!("the worker ended its work without predictions"),
        }
    };
    let mut wrong = Vec::new();
    if let Some(reason) = failure {
        wrong.push(format!("not all of the file was predicted: {reason}"));
    }
    if let Some(error) = elsewhere {
        let output = config.output.display();
        wrong.push(match error.kind() {
            io::ErrorKind::AlreadyExists => {
                format!("{output} has come into being meanwhile (--overwrite replaces it)")
            }
            _ => format!("cannot save {output}: {error}"),
        });
    }
    match wrong.is_empty() {
        true => Ok(ExitStatus::Done),
        false => bail!(
            "{}; the predictions are in {}",
            wrong.join(", and "),
            path.display()
        ),
    }
}

type Done = (Known, Account, u64, Outcome);

async fn transfer(config: &SendConfig, progress: &mut Progress) -> Result<Done> {
    let known = checksum(config, progress).await?;
    let upload_id = upload_id::of(&config.file)?;
    let mut account = Account::default();
    let mut tries = Tries::new(config.connect.reconnect_timeout, config.connect.wait);
    let (mut reconnections, mut told) = (0, String::new());
    progress.word("looking for a worker");
    let mut channel = config
        .connect
        .meeting
        .wait_for(&config.connect.peer, config.connect.wait)
        .await?;
    progress.event(
        "connected",
        json!({"file": config.name.as_str(), "bytes": known.bytes}),
    );
    loop {
        let mut exchange = Exchange {
            config,
            known: &known,
            upload_id: &upload_id,
            progress,
            account: &mut account,
            silence: SILENCE,
        };
        let outcome = exchange.run(&mut channel).await;
        channel.sender.close().await;
        let fault = match outcome {
            Ok(outcome) => return Ok((known, account, reconnections, outcome)),
            Err(fault) => fault,
        };
        match tries.after(fault, account.furthest, Instant::now())? {
            Next::Find(lost) => {
                tracing::warn!("{lost}; looking for the worker");
                progress.word("connection lost, looking for the worker");
                progress.event("lost", json!({}));
                channel = find_again(config, &lost).await?;
                reconnections += 1;
                progress.event("found_again", json!({"reconnections": reconnections}));
            }
            Next::Ask { pause, reason } => {
                progress.word(&format!("trying again: {reason}"));
                if reason != told {
                    tracing::warn!("not now: {reason}; trying again");
                    progress.event("refused", json!({"reason": reason}));
                    told.clone_from(&reason);
                }
                sleep(pause).await;
                channel = match config.connect.wait {
                    true => {
                        config
                            .connect
                            .meeting
                            .wait_for(&config.connect.peer, config.connect.wait)
                            .await?
                    }
                    false => find_again(config, &reason).await?,
                };
            }
        }
    }
}

/// Reads the file once, for its name among files.
async fn checksum(config: &SendConfig, progress: &mut Progress) -> Result<Known> {
    /// Ends the reading when nobody waits for it any more.
    struct Stop(Arc<AtomicBool>);
    impl Drop for Stop {
        fn drop(&mut self) {
            self.0.store(true, Relaxed);
        }
    }
    let (file, bytes) = source::open(&config.file)?;
    let done = Arc::new(AtomicU64::new(0));
    let stop = Stop(Arc::default());
    let mut reading = tokio::task::spawn_blocking({
        let (done, stop) = (Arc::clone(&done), Arc::clone(&stop.0));
        move || source::checksum(file, &done, &stop)
    });
    let mut look = interval(LOOK);
    loop {
        tokio::select! {
            known = &mut reading => {
                let known = known.context("reading the file stopped unexpectedly")?;
                return known.with_context(|| format!("cannot read {}", config.file.display()));
            }
            _ = look.tick() => progress.at(Phase::Checksum, done.load(Relaxed), Some(bytes)),
        }
    }
}

/// Another connection, within the time that there is. The error is that of the last attempt.
async fn find_again(config: &SendConfig, lost: &str) -> Result<Channel> {
    let deadline = Instant::now() + config.connect.reconnect_timeout;
    let peer = PeerConfig {
        connect_by: Some(deadline),
        ..config.connect.peer.clone()
    };
    let mut pauses = Backoff::new();
    loop {
        let connected = config.connect.meeting.connect(peer.clone());
        let attempt = async { connected.await.map_err(trust::explain) };
        let last = match backoff::in_time(deadline, attempt).await {
            Ok(channel) => return Ok(channel),
            Err(error) if reconnect::is_final(&error) => return Err(error),
            Err(error) => error,
        };
        if pauses.pause_before(deadline).await.is_none() {
            let seconds = config.connect.reconnect_timeout.as_secs_f64();
            let words = format!("{lost}, and no worker was found for {seconds} s");
            return Err(last.context(words));
        }
    }
}

#[cfg(test)]
#[path = "transfer_tests.rs"]
mod tests;
