//! The end of a stream: its results are completed, reported and judged.

use std::path::Path;

use anyhow::{Context, Result, bail};
use cli::{ExitStatus, Interrupt};
use labels::WrittenFile;
use vision::capture::{CaptureSummary, ReadError};
use vision::record::Recording;

use crate::config::Config;
use crate::report::mode::ReportMode;
use crate::report::run_report::SavedFile;
use crate::run::end::ReceiveEnd;
use crate::run::outputs;
use crate::run::results::ResultHandler;
use crate::run::verdict::StreamFacts;
use crate::run::wants::Wants;

/// How a stream's parts have ended.
pub(crate) struct EndedStream {
    /// Why no more is received.
    pub(crate) outcome: Result<ReceiveEnd>,
    /// How the source and the encoder ended.
    pub(crate) source: Result<Result<CaptureSummary, ReadError>>,
    /// The source's name.
    pub(crate) name: String,
    /// Which worker it was, for people.
    pub(crate) worker: String,
    /// Why the connection was closed, as the end of a sentence.
    pub(crate) because: String,
    /// Why the worker was not found again, likewise.
    pub(crate) not_found: String,
    /// The worker returns a result for each frame.
    pub(crate) returns_results: bool,
    /// What went wrong with the rules.
    pub(crate) rules: Vec<anyhow::Error>,
}

impl EndedStream {
    fn end(&self) -> Option<ReceiveEnd> {
        self.outcome.as_ref().ok().copied()
    }
}

/// Completes what a stream writes, reports it, and fails where it is not what the options ask for.
pub(crate) async fn end(
    config: &Config,
    mut ended: EndedStream,
    mut results: ResultHandler,
    recording: Option<Recording>,
    interrupt: &Interrupt,
) -> Result<ExitStatus> {
    let end = ended.end();
    if let Ok(Ok(source)) = &ended.source {
        results.report.lost_by_camera = source.lost;
    }
    results.emitter.close().await;
    // Predictions are completed and reported before anything that went wrong.
    let kept = keep(config, &mut results, recording, interrupt, end).await;
    report(config, &results);
    results.tell_watcher();
    let rules = std::mem::take(&mut ended.rules);
    let (judged, source) = judge(config, ended, &results);
    let other = [judged, source, kept.pictured, kept.recorded];
    let other = other.into_iter().filter_map(Result::err);
    first(kept.outputs.into_iter().chain(other).chain(rules))?;
    Ok(match end {
        Some(ReceiveEnd::Interrupted) => ExitStatus::Interrupted,
        _ => ExitStatus::Done,
    })
}

/// Reports the summary.
fn report(config: &Config, results: &ResultHandler) {
    match config.events() {
        Some(events) => events.summary(&results.report),
        None if config.report_mode == ReportMode::ForPeople => {
            let name = config
                .camera
                .iter()
                .map(|camera| format!("camera {camera}"));
            let lines: Vec<_> = name.chain(results.report.summary()).collect();
            cli::say(lines);
        }
        None => {}
    }
}

/// What went wrong with what is kept.
struct Kept {
    outputs: Vec<anyhow::Error>,
    recorded: Result<()>,
    pictured: Result<()>,
}

/// Completes everything that is kept.
async fn keep(
    config: &Config,
    results: &mut ResultHandler,
    recording: Option<Recording>,
    interrupt: &Interrupt,
    end: Option<ReceiveEnd>,
) -> Kept {
    let mut outputs = Vec::new();
    match outputs::finish(std::mem::take(&mut results.outputs), interrupt).await {
        Ok(finished) => {
            results
                .report
                .saved
                .extend(finished.files.into_iter().map(saved));
            outputs.extend(finished.lacking.into_iter().map(Into::into));
            for path in finished.removed {
                let path = path.display();
                tracing::warn!("{path} would hold no prediction and does not stay");
            }
        }
        Err(error) => outputs.push(error),
    }
    let recorded = finish_recording(config, recording, results);
    let is_asked = end == Some(ReceiveEnd::Interrupted);
    let pictured = keep_snapshot(config, results, is_asked);
    Kept {
        outputs,
        recorded,
        pictured,
    }
}

fn saved(file: WrittenFile) -> SavedFile {
    SavedFile {
        path: file.name,
        frames: file.frames,
        poses: Some(file.poses),
    }
}

/// A file of so many pictures.
fn saved_pictures(path: &Path, frames: u64) -> SavedFile {
    SavedFile {
        path: path.display().to_string(),
        frames,
        poses: None,
    }
}

/// What the stream amounts to, and what ended its source.
fn judge(config: &Config, ended: EndedStream, results: &ResultHandler) -> (Result<()>, Result<()>) {
    let end = ended.end();
    let wants = Wants::of(config);
    let facts = StreamFacts {
        report: &results.report,
        source: &ended.name,
        worker: &ended.worker,
        because: &ended.because,
        not_found: &ended.not_found,
        returns_results: ended.returns_results,
        complete: results.complete.as_ref(),
        last_failure: results.last_failure.as_deref(),
        wants: &wants,
        every_frame: config.live == Some(false),
        only_emits: config.only_emits(),
    };
    let each_counts = config.live == Some(false) && end != Some(ReceiveEnd::Interrupted);
    let source = ended.source.and_then(|source| match source {
        Err(error) if end != Some(ReceiveEnd::Interrupted) => Err(error.into()),
        Ok(source) if source.lost > 0 && each_counts => bail!(
            "{} frames of {} did not arrive whole: they were lost on the network or on USB, or came faster than they could be \
             sent. `sleap-stream doctor` checks buffers and MTU of network cameras",
            source.lost,
            ended.name
        ),
        _ => Ok(()),
    });
    (ended.outcome.and_then(|end| facts.verdict(end)), source)
}

fn finish_recording(
    config: &Config,
    recording: Option<Recording>,
    results: &mut ResultHandler,
) -> Result<()> {
    let Some(recording) = recording else {
        return Ok(());
    };
    let (recorded, outcome) = tokio::task::block_in_place(|| recording.finish());
    results.report.not_recorded = recorded.left_out;
    if let Some(path) = config.record.as_deref().filter(|_| recorded.frames > 0) {
        results
            .report
            .saved
            .push(saved_pictures(path, recorded.frames));
    }
    outcome?;
    if recorded.frames == 0 && recorded.left_out > 0 {
        bail!(
            "none of the {} frames that were sent is recorded: they came faster than they could be compressed",
            recorded.left_out
        );
    }
    Ok(())
}

/// `is_asked`: the user ended the run, so that a missing picture is no error.
fn keep_snapshot(config: &Config, results: &mut ResultHandler, is_asked: bool) -> Result<()> {
    let Some(path) = &config.snapshot else {
        return Ok(());
    };
    match results.last_picture() {
        Some(picture) => {
            let drawn = picture.draw().context("cannot draw the poses")?;
            vision::png::write(path, &drawn, config.overwrite)
                .with_context(|| format!("cannot write the picture {}", path.display()))?;
            results.report.saved.push(saved_pictures(path, 1));
            Ok(())
        }
        None if is_asked => {
            tracing::warn!("{} was not written: no frame came back", path.display());
            Ok(())
        }
        None => bail!("{} was not written: no frame came back", path.display()),
    }
}

/// Fails with the first of all that went wrong, and logs the rest.
fn first(wrong: impl IntoIterator<Item = anyhow::Error>) -> Result<()> {
    let mut wrong = wrong.into_iter();
    let first = wrong.next();
    for other in wrong {
        tracing::warn!("{other:#}");
    }
    first.map_or(Ok(()), Err)
}
