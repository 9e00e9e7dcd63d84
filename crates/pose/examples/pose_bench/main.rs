//! Frames per second of an exported model beside the bare session's, and how its predictions
//! compare with sleap-nn's own:
//!
//! ```text
//! cargo run --release -p sleap-stream-pose --example pose_bench -- \
//!     MODEL_DIR FRAMES_DIR [REFERENCE.json] [--device DEVICE] [--threads N] \
//!     [--max-batch N] [--fp16] [--refine METHOD] [--json]
//! ```
//!
//! for models of every kind. FRAMES_DIR holds PNGs with frame numbers for names, of which at most 64
//! are used; those that the reference has are compared with it, and a difference is a failure: nothing to
//! compare, instances or points that only one side has, other identities, points beyond 0.01 pixels
//! or scores beyond 1e-4. With --refine the distances are shown alone, and with --fp16 everything is.
//!
//! Three contestants take turns of a quarter of a second at each batch size up to --max-batch (16),
//! after a call each that is not counted:
//!
//! - "bare": a session made with nothing but ort, called with pixels that lie ready (its graph is
//!   always the export's own: with --refine the others' gives the confidence maps too);
//! - "stage": the worker's inference stage, [`pose::Runner`] on frames that were prepared before;
//! - "all": [`Model::predict`], everything one after the other on one thread.

mod bare;
#[path = "../../tests/it/common/mod.rs"]
mod common;
mod rates;

use std::{env, error::Error, path::Path, process::ExitCode};

use bare::Bare;

use common::{
    Picture,
    reference::{Difference, Reference, pictures, predict},
};
use pose::{Device, Model, Options};
use rates::Rates;
use serde_json::json;

const BATCHES: [usize; 4] = [1, 4, 8, 16];

/// Pixels and scores by which an equal prediction may differ.
const LIMITS: [f32; 2] = [0.01, 1e-4];

const USAGE: &str = "usage: pose_bench MODEL_DIR FRAMES_DIR [REFERENCE.json] [--device DEVICE] \
                     [--threads N] [--max-batch N] [--fp16] [--refine METHOD] [--json]";

struct Arguments {
    paths: Vec<String>,
    options: Options,
    max_batch: usize,
    json: bool,
}

fn main() -> ExitCode {
    match arguments().and_then(|arguments| run(&arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn arguments() -> Result<Arguments, Box<dyn Error>> {
    let mut found = Arguments {
        paths: Vec::new(),
        options: Options::default(),
        max_batch: 16,
        json: false,
    };
    let mut words = env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "--device" => found.options.device = value()?.parse()?,
            "--threads" => found.options.threads = Some(value()?.parse()?),
            "--max-batch" => found.max_batch = value()?.parse()?,
            "--fp16" => found.options.fp16 = true,
            "--refine" => found.options.refine = Some(value()?.parse()?),
            "--json" => found.json = true,
            _ => found.paths.push(word),
        }
    }
    if !(2..=3).contains(&found.paths.len()) {
        return Err(USAGE.into());
    }
    if found.options.device == Device::OpenVino {
        return Err(
            "the bare session beside it has no OpenVINO: `sleap-worker doctor` times a model"
                .into(),
        );
    }
    if found.max_batch == 0 {
        return Err("--max-batch is at least 1".into());
    }
    found.options.max_batch = Some(found.max_batch);
    Ok(found)
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let Arguments {
        paths,
        options,
        max_batch,
        json,
    } = arguments;
    let dir = Path::new(&paths[0]);
    let pictures = pictures(Path::new(&paths[1]), 64);
    if pictures.is_empty() {
        return Err(format!("{} has no PNGs", paths[1]).into());
    }
    let mut model = Model::load(dir, options)?;
    if !json {
        println!("{:#?}", model.info());
    }
    if let Some(reference) = paths.get(2) {
        let batch = 4.min(*max_batch);
        let difference = compare(&mut model, &pictures, Path::new(reference), batch);
        print(&difference, *json);
        judge(&difference, options)?;
    }
    let mut stages = Model::load(dir, options)?.into_stages();
    let mut bare = Bare::load(dir, model.info(), options)?;
    for batch in BATCHES.into_iter().filter(|batch| batch <= max_batch) {
        let rates = Rates::measure(&mut bare, &mut stages, &mut model, &pictures, batch);
        rates.print(batch, *json);
    }
    Ok(())
}

fn compare(
    model: &mut Model,
    pictures: &[(u32, Picture)],
    reference: &Path,
    batch: usize,
) -> Difference {
    let ours = predict(model, pictures, batch);
    let reference = Reference::read(reference);
    let numbers = pictures.iter().map(|(number, _)| *number);
    let known = numbers
        .zip(&ours)
        .filter(|(number, _)| reference.has(*number));
    reference.compare(known)
}

fn print(difference: &Difference, as_json: bool) {
    if !as_json {
        println!("against sleap-nn: {difference:?}");
        return;
    }
    let Difference {
        frames,
        points,
        only_one_side,
        identities,
        pixels,
        score,
    } = difference;
    let line = json!({
        "frames": frames, "points": points, "only_one_side": only_one_side,
        "identities": identities, "pixels": pixels, "score": score,
    });
    println!("{line}");
}

/// Whether the predictions are sleap-nn's, as far as these options let them be.
fn judge(difference: &Difference, options: &Options) -> Result<(), String> {
    let Difference {
        points,
        only_one_side,
        identities,
        pixels,
        score,
        ..
    } = *difference;
    let others = !options.fp16 && (only_one_side > 0 || identities > 0);
    let exact = !options.fp16 && options.refine.is_none();
    let far = exact && !(pixels <= LIMITS[0] && score <= LIMITS[1]);
    if points == 0 {
        return Err("no point to compare with sleap-nn's".to_owned());
    }
    if others || far {
        return Err(format!("not sleap-nn's predictions: {difference:?}"));
    }
    Ok(())
}
