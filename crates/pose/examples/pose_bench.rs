//! Predictions per second of an exported model, beside the bare session, and how they compare with
//! sleap-nn's own:
//!
//! ```text
//! cargo run --release -p sleap-stream-pose --example pose_bench -- \
//!     MODEL_DIR FRAMES_DIR [REFERENCE.json]
//! ```
//!
//! for models of every kind. FRAMES_DIR holds PNGs with frame numbers for names, of which at most 64
//! are used; those that the reference has are compared with it. "all" counts colour, size, session
//! and post-processing; "session" only the session calls within.

#[path = "../tests/common/mod.rs"]
mod common;

use std::{
    env,
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use common::{
    Picture,
    reference::{Reference, pictures, predict},
};
use pose::{Model, Options, Prediction};

const BATCHES: [usize; 4] = [1, 4, 8, 16];
const LEAST: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let arguments: Vec<_> = env::args_os().skip(1).collect();
    let (model, frames, reference) = match &arguments[..] {
        [model, frames] => (model, frames, None),
        [model, frames, reference] => (model, frames, Some(reference)),
        _ => {
            eprintln!("usage: pose_bench MODEL_DIR FRAMES_DIR [REFERENCE.json]");
            return ExitCode::from(2);
        }
    };
    let pictures = pictures(Path::new(frames), 64);
    for spinning in [false, true] {
        let options = Options {
            spinning,
            ..Options::default()
        };
        let mut model = match Model::load(Path::new(model), &options) {
            Ok(model) => model,
            Err(error) => {
                eprintln!("error: {error}");
                return ExitCode::FAILURE;
            }
        };
        if !spinning {
            println!("{:#?}", model.info());
            if let Some(reference) = reference {
                let ours = predict(&mut model, &pictures, 4);
                let reference = Reference::read(Path::new(reference));
                let numbers = pictures.iter().map(|(number, _)| *number);
                let known = numbers
                    .zip(&ours)
                    .filter(|(number, _)| reference.has(*number));
                let difference = reference.compare(known);
                println!("against sleap-nn: {difference:?}");
            }
        }
        for batch in BATCHES {
            measure(&mut model, &pictures, batch, spinning);
        }
    }
    ExitCode::SUCCESS
}

fn measure(model: &mut Model, pictures: &[(u32, Picture)], batch: usize, spinning: bool) {
    let (mut frames, mut instances) = (0, 0);
    let [mut preprocess, mut inference, mut postprocess] = [Duration::ZERO; 3];
    let start = Instant::now();
    while start.elapsed() < LEAST {
        for pictures in pictures.chunks(batch) {
            let answers: Vec<Prediction> = predict(model, pictures, batch);
            frames += answers.len();
            inference += answers[0].timing.inference;
            for answer in answers {
                instances += answer.instances.len();
                preprocess += answer.timing.preprocess;
                postprocess += answer.timing.postprocess;
            }
        }
    }
    let rate = |time: Duration| frames as f64 / time.as_secs_f64();
    let micros = |time: Duration| time.as_secs_f64() * 1e6 / frames as f64;
    println!(
        "spinning {spinning:5} batch {batch:2}: all {:7.1} frames/s, session {:7.1} frames/s; \
         a frame: pre-processing {:.0} us, post-processing {:.1} us ({:.3}% of the session), \
         {:.2} instances",
        rate(start.elapsed()),
        rate(inference),
        micros(preprocess),
        micros(postprocess),
        100.0 * postprocess.as_secs_f64() / inference.as_secs_f64(),
        instances as f64 / frames as f64,
    );
}
