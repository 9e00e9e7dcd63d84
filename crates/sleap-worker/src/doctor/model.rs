//! A model on its device: what it is, what runs it, how fast.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

use cli::doctor::CheckReport;
use pose::{FrameView, Model, ModelDescription, PredictError, RunsOn};

use super::DoctorArgs;

/// Calls that are timed, at least.
const MIN_CALLS: usize = 5;
/// For how long calls go on, at least.
const MIN_TIME: Duration = Duration::from_secs(1);

/// How fast a model ran.
pub(super) struct ModelSpeed {
    pub(super) runs_on: RunsOn,
    /// Frames a second of all that it runs on, in batches of the size that is fastest.
    pub(super) rate: f64,
}

/// Loads the model and measures it, on each device alone. `None` without a model, or where it does not run.
pub(super) fn check(report: &mut CheckReport<impl Write>, args: &DoctorArgs) -> Option<ModelSpeed> {
    let Some(dir) = &args.model else {
        let advice = "`sleap-worker doctor --model DIR` tries one";
        report.absent("model", "none was given", advice);
        return None;
    };
    let mut all: Option<ModelSpeed> = None;
    for options in args.device.options() {
        let start = Instant::now();
        let mut model = match Model::load(dir, &options) {
            Ok(model) => model,
            Err(error) => {
                report.fail("model", format!("{}: {error}", dir.display()), "");
                return None;
            }
        };
        if all.is_none() {
            describe(report, dir, model.info(), start.elapsed());
        }
        let speed = measure(report, &mut model)?;
        all = Some(match all {
            None => speed,
            Some(before) => ModelSpeed {
                runs_on: before.runs_on.and(&speed.runs_on),
                rate: before.rate + speed.rate,
            },
        });
    }
    all
}

/// What the model is.
pub(super) fn describe(
    report: &mut CheckReport<impl Write>,
    dir: &Path,
    info: &ModelDescription,
    took: Duration,
) {
    let colour = if info.input.channels == 1 {
        "gray"
    } else {
        "RGB"
    };
    let (width, height) = (info.input.width, info.input.height);
    report.ok(
        "model",
        [
            format!("{} in {}", info.name, dir.display()),
            format!(
                "{}, input {width}x{height} {colour}, loaded and warmed up in {:.1} s",
                info.kind,
                took.as_secs_f64(),
            ),
        ],
    );
    report.ok("  skeleton", skeleton(info));
    for note in &info.notes {
        report.warn("  note", note.as_str(), "");
    }
}

/// How fast the model is on its device.
fn measure(report: &mut CheckReport<impl Write>, model: &mut Model) -> Option<ModelSpeed> {
    let info = model.info().clone();
    let runs_on = format!("{}: {}", info.runs_on, info.placement);
    match &info.passed_over {
        Some(reason) if reason.is_unexpected() => {
            report.warn(
                "  runs on",
                runs_on,
                format!("not on a faster device: {reason}"),
            );
        }
        Some(reason) => report.ok(
            "  runs on",
            [runs_on, format!("not on a faster device: {reason}")],
        ),
        None => report.ok("  runs on", runs_on),
    }
    measure_batches(report, model)
}

/// How fast it is in batches of one and of the largest size.
pub(super) fn measure_batches(
    report: &mut CheckReport<impl Write>,
    model: &mut Model,
) -> Option<ModelSpeed> {
    let info = model.info().clone();
    let mut rates = Vec::new();
    for batch in sizes(info.max_batch) {
        let subject = format!("  batch of {batch}");
        match median(model, batch) {
            Ok((call, calls)) => {
                report.ok(&subject, speed(batch, call, calls));
                rates.push(batch as f64 / call.as_secs_f64());
            }
            Err(error) => report.fail(&subject, error.to_string(), ""),
        }
    }
    let rate = rates.into_iter().reduce(f64::max)?;
    let runs_on = info.runs_on;
    Some(ModelSpeed { runs_on, rate })
}

fn skeleton(info: &ModelDescription) -> [String; 2] {
    let nodes = &info.skeleton.nodes;
    let name = |index: u32| nodes.get(index as usize).map_or("?", String::as_str);
    let edges: Vec<_> = info
        .skeleton
        .edges
        .iter()
        .map(|&[source, destination]| format!("{}-{}", name(source), name(destination)))
        .collect();
    let list = |names: &[String]| match names.len() {
        0 => "none".to_owned(),
        count => format!("{count} ({})", names.join(", ")),
    };
    [
        format!("nodes: {}", list(nodes)),
        format!("edges: {}", list(&edges)),
    ]
}

fn sizes(max_batch: usize) -> Vec<usize> {
    let mut sizes = vec![1, max_batch];
    sizes.dedup();
    sizes
}

fn speed(batch: usize, call: Duration, calls: usize) -> String {
    let seconds = call.as_secs_f64();
    format!(
        "{:.1} frames/s, {:.2} ms a call (median of {calls}, black frames)",
        batch as f64 / seconds,
        seconds * 1e3
    )
}

/// For how long calls are to go on at least, and so many.
pub(super) fn is_enough(calls: usize, since: Instant) -> bool {
    calls >= MIN_CALLS && since.elapsed() >= MIN_TIME
}

/// The median time of a call with `batch` frames, and of how many.
fn median(model: &mut Model, batch: usize) -> Result<(Duration, usize), PredictError> {
    let input = model.info().input;
    let black = vec![0; input.height as usize * input.width as usize];
    let Ok(frame) = FrameView::new(input.width, input.height, 1, &black) else {
        unreachable!("a loaded model's input has pixels");
    };
    let frames = vec![frame; batch];
    let begun = Instant::now();
    let mut times = Vec::new();
    while !is_enough(times.len(), begun) {
        let start = Instant::now();
        model.predict(&frames)?;
        times.push(start.elapsed());
    }
    times.sort();
    Ok((times[times.len() / 2], times.len()))
}
