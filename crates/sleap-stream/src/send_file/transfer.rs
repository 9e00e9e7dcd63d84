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
use super::download::SavedPredictions;
use super::exchange::{Exchange, TransferOutcome};
use super::file_channel::{WORKER_TIMEOUT, short};
use super::progress::{TransferPhase, TransferProgress, TransferSummary};
use super::retry::{RetryDecision, RetryPolicy};
use super::source::{self, SourceFile};
use super::totals::TransferTotals;
use super::upload_id;
use crate::connect::backoff;
use crate::connect::reconnect;
use crate::connect::trust;

/// How often the progress of the checksum is reported.
const CHECKSUM_INTERVAL: Duration = Duration::from_millis(100);

/// Sends the file and saves what the worker predicts.
pub(super) async fn run(config: SendConfig, interrupt: Interrupt) -> Result<ExitStatus> {
    // Everything that can be wrong at the client is checked before the worker is contacted.
    check_free(&config.output, config.overwrite)?;
    let mut progress = TransferProgress::start(config.report_mode);
    let outcome = tokio::select! {
        outcome = transfer(&config, &mut progress) => Some(outcome),
        () = interrupt.raised() => None,
    };
    let finished = match outcome {
        Some(Ok(finished)) => finished,
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
    let FinishedTransfer {
        file,
        totals,
        reconnections,
        outcome,
    } = finished;
    let saved = match outcome.predictions {
        Some(file) => Some(file.save(&config.output, config.overwrite)?),
        None => None,
    };
    progress.summary(&TransferSummary {
        file,
        sent: totals.sent,
        upload: totals.upload,
        frames: totals.frames,
        poses: totals.poses,
        waited_for: totals.waited_for,
        inference: totals.inference,
        reconnections,
        saved: saved.as_ref().map(|saved| saved.path.display().to_string()),
    });
    verdict(&config, outcome.failure, saved)
}

/// Fails where not everything came, or where it is not at the path of the options.
fn verdict(
    config: &SendConfig,
    failure: Option<String>,
    saved: Option<SavedPredictions>,
) -> Result<ExitStatus> {
    let failure = failure.as_deref().map(short);
    let Some(SavedPredictions { path, elsewhere }) = saved else {
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

/// A transfer that came to its end.
struct FinishedTransfer {
    file: SourceFile,
    totals: TransferTotals,
    reconnections: u64,
    outcome: TransferOutcome,
}

async fn transfer(
    config: &SendConfig,
    progress: &mut TransferProgress,
) -> Result<FinishedTransfer> {
    let file = checksum(config, progress).await?;
    let upload_id = upload_id::of(&config.file)?;
    let mut totals = TransferTotals::default();
    let mut retry = RetryPolicy::new(config.connect.reconnect_timeout, config.connect.wait);
    let (mut reconnections, mut last_reason) = (0, String::new());
    progress.activity("looking for a worker");
    let mut channel = config.connect.connect().await?;
    progress.event(
        "connected",
        json!({"file": config.name.as_str(), "bytes": file.bytes}),
    );
    loop {
        let mut exchange = Exchange {
            config,
            file: &file,
            upload_id: &upload_id,
            progress,
            totals: &mut totals,
            worker_timeout: WORKER_TIMEOUT,
        };
        let outcome = exchange.run(&mut channel).await;
        channel.sender.close().await;
        let error = match outcome {
            Ok(outcome) => {
                return Ok(FinishedTransfer {
                    file,
                    totals,
                    reconnections,
                    outcome,
                });
            }
            Err(error) => error,
        };
        match retry.after(error, totals.furthest, Instant::now())? {
            RetryDecision::Find(lost) => {
                tracing::warn!("{lost}; looking for the worker");
                progress.activity("connection lost, looking for the worker");
                progress.event("lost", json!({}));
                channel = find_again(config, &lost).await?;
                reconnections += 1;
                progress.event("found_again", json!({"reconnections": reconnections}));
            }
            RetryDecision::Ask { pause, reason } => {
                report_refusal(progress, &reason, &mut last_reason);
                sleep(pause).await;
                channel = match config.connect.wait {
                    true => config.connect.connect().await?,
                    false => find_again(config, &reason).await?,
                };
            }
        }
    }
}

/// Reports a refusal: its reason once, as long as it stays the same.
fn report_refusal(progress: &mut TransferProgress, reason: &str, last_reason: &mut String) {
    progress.activity(&format!("trying again: {reason}"));
    if reason != last_reason {
        tracing::warn!("not now: {reason}; trying again");
        progress.event("refused", json!({"reason": reason}));
        reason.clone_into(last_reason);
    }
}

/// Reads the file once, for its checksum.
async fn checksum(config: &SendConfig, progress: &mut TransferProgress) -> Result<SourceFile> {
    /// Ends the reading when its future is dropped.
    struct ReadStop(Arc<AtomicBool>);
    impl Drop for ReadStop {
        fn drop(&mut self) {
            self.0.store(true, Relaxed);
        }
    }
    let (file, bytes) = source::open(&config.file)?;
    let done = Arc::new(AtomicU64::new(0));
    let stop = ReadStop(Arc::default());
    let mut reading = tokio::task::spawn_blocking({
        let (done, stop) = (Arc::clone(&done), Arc::clone(&stop.0));
        move || source::checksum(file, &done, &stop)
    });
    let mut tick = interval(CHECKSUM_INTERVAL);
    loop {
        tokio::select! {
            file = &mut reading => {
                let file = file.context("reading the file stopped unexpectedly")?;
                return file.with_context(|| format!("cannot read {}", config.file.display()));
            }
            _ = tick.tick() => progress.at(TransferPhase::Checksum, done.load(Relaxed), Some(bytes)),
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
    let mut pauses = backoff::pauses();
    loop {
        let connected = config.connect.rendezvous.connect(peer.clone());
        let attempt = async { connected.await.map_err(trust::explain) };
        let last = match backoff::in_time(deadline, attempt).await {
            Ok(channel) => return Ok(channel),
            Err(error) if reconnect::is_final(&error) => return Err(error),
            Err(error) => error,
        };
        if backoff::pause_before(&mut pauses, deadline).await.is_none() {
            let seconds = config.connect.reconnect_timeout.as_secs_f64();
            let words = format!("{lost}, and no worker was found for {seconds} s");
            return Err(last.context(words));
        }
    }
}

#[cfg(test)]
#[path = "transfer_tests.rs"]
mod tests;
