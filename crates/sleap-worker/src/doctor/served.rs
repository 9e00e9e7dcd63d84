//! A model on an inference server: whether it can be used, what it is, how fast.

use std::io::Write;
use std::path::Path;
use std::time::Instant;

use cli::doctor::CheckReport;
use kserve::{KserveModel, ServedModel, ServerOptions};
use pose::{FrameView, LoadError, Model, PredictError};

use super::DoctorArgs;
use super::model::{ModelSpeed, describe, is_enough, measure_batches};

/// Connects to the server, and measures its model: one request after the other, and several at the same time.
pub(super) fn check(
    report: &mut CheckReport<impl Write>,
    args: &DoctorArgs,
    dir: &Path,
    server: &ServerOptions,
) -> Option<ModelSpeed> {
    let served = match KserveModel::connect(server) {
        Ok(served) => served,
        Err(error) => {
            report.fail("inference server", error.to_string(), "");
            return None;
        }
    };
    report.ok("inference server", described(&served));
    let options = pose::Options {
        max_batch: args.device.max_batch.map(usize::from),
        ..pose::Options::default()
    };
    let start = Instant::now();
    let load = |_| Model::on_engine(dir, &options, served.engine());
    let requests = 0..args.engine.engine_requests;
    let mut models = match requests.map(load).collect::<Result<Vec<_>, LoadError>>() {
        Ok(models) => models,
        Err(error) => {
            report.fail("model", format!("{}: {error}", dir.display()), "");
            return None;
        }
    };
    let first = models.first_mut()?;
    describe(report, dir, first.info(), start.elapsed());
    let alone = measure_batches(report, first)?;
    let subject = format!("  {} at a time", models.len());
    match together(&mut models) {
        Ok(rate) => {
            report.ok(
                &subject,
                format!("{rate:.1} frames/s, with requests on their way at the same time"),
            );
            Some(ModelSpeed {
                rate: rate.max(alone.rate),
                ..alone
            })
        }
        Err(error) => {
            report.fail(&subject, error.to_string(), "");
            None
        }
    }
}

fn described(served: &KserveModel) -> [String; 2] {
    let ServedModel {
        platform,
        versions,
        max_batch,
        ..
    } = served.description();
    let known = |text: &str| if text.is_empty() { "not said" } else { text }.to_owned();
    let batches = match max_batch {
        Some(most) => format!("up to {most} frames a request"),
        None => "no limit of frames a request is said".to_owned(),
    };
    [
        format!("{} is ready", served.url()),
        format!(
            "platform: {}, versions: {}, {batches}",
            known(platform),
            known(&versions.join(", "))
        ),
    ]
}

/// Frames a second where each of the models sends one request after the other.
fn together(models: &mut [Model]) -> Result<f64, PredictError> {
    let start = Instant::now();
    let frames = std::thread::scope(|scope| {
        let run = |model| scope.spawn(move || calls(model, start));
        let threads: Vec<_> = models.iter_mut().map(run).collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, _>| match thread.join() {
            Ok(calls) => calls,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        threads
            .into_iter()
            .map(join)
            .sum::<Result<usize, PredictError>>()
    })?;
    Ok(frames as f64 / start.elapsed().as_secs_f64())
}

/// Calls with one black frame.
fn calls(model: &mut Model, since: Instant) -> Result<usize, PredictError> {
    let input = model.info().input;
    let black = vec![0; input.height as usize * input.width as usize];
    let Ok(frame) = FrameView::new(input.width, input.height, 1, &black) else {
        unreachable!("a loaded model's input has pixels");
    };
    let mut calls = 0;
    while !is_enough(calls, since) {
        model.predict(&[frame])?;
        calls += 1;
    }
    Ok(calls)
}
