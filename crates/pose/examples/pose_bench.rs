//! Frames per second of an exported model beside the bare session's, and how its predictions
//! compare with sleap-nn's own:
//!
//! ```text
//! cargo run --release -p sleap-stream-pose --example pose_bench -- \
//!     MODEL_DIR FRAMES_DIR [REFERENCE.json] [--device DEVICE] [--threads N] \
//!     [--refine METHOD] [--json]
//! ```
//!
//! for models of every kind. FRAMES_DIR holds PNGs with frame numbers for names, of which at most 64
//! are used; those that the reference has are compared with it.
//!
//! Three contestants take turns of a quarter of a second at each batch size:
//!
//! - "bare": a session made with nothing but ort, called with pixels that lie ready (its graph is
//!   always the export's own: with --refine the others' gives the confidence maps too);
//! - "stage": the worker's inference stage, [`pose::Runner`] on frames that were prepared before;
//! - "all": [`Model::predict`], everything one after the other on one thread.

#[path = "../tests/common/mod.rs"]
mod common;

use std::{
    env,
    error::Error,
    path::Path,
    process::ExitCode,
    time::{Duration, Instant},
};

use common::{
    Picture,
    reference::{Reference, pictures, predict},
};
use ort::{
    ep,
    session::{Session, builder::GraphOptimizationLevel},
    value::TensorRef,
};
use pose::{Device, FrameView, InputSize, Model, Options, Prepared, Stages};
use serde_json::json;

const BATCHES: [usize; 4] = [1, 4, 8, 16];
const ROUNDS: usize = 12;
const TURN: Duration = Duration::from_millis(250);

const USAGE: &str = "usage: pose_bench MODEL_DIR FRAMES_DIR [REFERENCE.json] [--device DEVICE] \
                     [--threads N] [--refine METHOD] [--json]";

#[derive(Default)]
struct Arguments {
    paths: Vec<String>,
    options: Options,
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
    let mut found = Arguments::default();
    let mut words = env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.as_str() {
            "--device" => found.options.device = value()?.parse()?,
            "--threads" => found.options.threads = Some(value()?.parse()?),
            "--refine" => found.options.refine = Some(value()?.parse()?),
            "--json" => found.json = true,
            _ => found.paths.push(word),
        }
    }
    if !(2..=3).contains(&found.paths.len()) {
        return Err(USAGE.into());
    }
    Ok(found)
}

fn run(arguments: &Arguments) -> Result<(), Box<dyn Error>> {
    let dir = Path::new(&arguments.paths[0]);
    let pictures = pictures(Path::new(&arguments.paths[1]), 64);
    let mut model = Model::load(dir, &arguments.options)?;
    let mut stages = Model::load(dir, &arguments.options)?.into_stages();
    let mut bare = bare_session(dir, model.info().device.parse()?, &arguments.options)?;
    if !arguments.json {
        println!("{:#?}", model.info());
    }
    if let Some(reference) = arguments.paths.get(2) {
        compare(&mut model, &pictures, Path::new(reference));
    }
    for batch in BATCHES {
        let rates = measure(&mut bare, &mut stages, &mut model, &pictures, batch);
        rates.print(batch, arguments.json);
    }
    Ok(())
}

fn compare(model: &mut Model, pictures: &[(u32, Picture)], reference: &Path) {
    let ours = predict(model, pictures, 4);
    let reference = Reference::read(reference);
    let numbers = pictures.iter().map(|(number, _)| *number);
    let known = numbers
        .zip(&ours)
        .filter(|(number, _)| reference.has(*number));
    println!("against sleap-nn: {:?}", reference.compare(known));
}

/// A session with this crate's settings and nothing of its code around it.
fn bare_session(dir: &Path, device: Device, options: &Options) -> ort::Result<Session> {
    let environment = pose::runtime::environment().expect("a runtime: the model was loaded");
    let threads = options.threads.unwrap_or_else(num_cpus::get_physical);
    let id = |index: u32| i32::try_from(index).expect("a small index");
    let providers = match device {
        Device::Cuda(index) => vec![ep::CUDA::default().with_device_id(id(index)).build()],
        Device::TensorRt(index) => vec![ep::TensorRT::default().with_device_id(id(index)).build()],
        Device::Auto | Device::Cpu => Vec::new(),
    };
    Session::builder(environment)?
        .with_optimization_level(GraphOptimizationLevel::Level3)?
        .with_intra_threads(threads)?
        .with_intra_op_spinning(options.spinning)?
        .with_execution_providers(providers)?
        .commit_from_file(dir.join("model.onnx"))
}

/// Frames per second, and where the time of "all" went.
struct Rates {
    bare: f64,
    stage: f64,
    all: f64,
    instances: f64,
    preprocess_us: f64,
    postprocess_us: f64,
    session_us: f64,
}

#[derive(Default)]
struct Clock {
    frames: usize,
    time: Duration,
}

impl Clock {
    fn turn(&mut self, frames: usize, mut call: impl FnMut()) {
        let start = Instant::now();
        while start.elapsed() < TURN {
            call();
            self.frames += frames;
        }
        self.time += start.elapsed();
    }

    fn rate(&self) -> f64 {
        self.frames as f64 / self.time.as_secs_f64()
    }
}

fn measure(
    bare: &mut Session,
    stages: &mut Stages,
    model: &mut Model,
    pictures: &[(u32, Picture)],
    batch: usize,
) -> Rates {
    let InputSize {
        height,
        width,
        channels,
    } = stages.info.input;
    let [planes, rows, columns] = [channels, height, width].map(|side| side as usize);
    let pixels = vec![128_u8; batch * planes * rows * columns];
    let shape = [batch, planes, rows, columns];
    let views: Vec<FrameView<'_>> = pictures
        .iter()
        .cycle()
        .take(batch)
        .map(|(_, picture)| picture.view())
        .collect();
    let mut prepared = vec![Prepared::default(); batch];
    for (view, prepared) in views.iter().zip(&mut prepared) {
        stages.preparer.prepare(view, prepared);
    }

    let mut clocks: [Clock; 3] = Default::default();
    let mut sums = [0.0_f64; 4];
    for _ in 0..ROUNDS {
        clocks[0].turn(batch, || {
            let input = TensorRef::from_array_view((shape, &pixels[..])).expect("an input");
            bare.run(ort::inputs!["image" => input]).expect("a run");
        });
        clocks[1].turn(batch, || {
            stages.runner.run(prepared.iter()).expect("a run");
        });
        clocks[2].turn(batch, || {
            for answer in model.predict(&views).expect("a prediction") {
                let micros = |time: Duration| time.as_secs_f64() * 1e6;
                sums[0] += answer.instances.len() as f64;
                sums[1] += micros(answer.timing.preprocess);
                sums[2] += micros(answer.timing.postprocess);
                sums[3] += micros(answer.timing.inference) / batch as f64;
            }
        });
    }
    let [instances, preprocess_us, postprocess_us, session_us] =
        sums.map(|sum| sum / clocks[2].frames as f64);
    let [bare, stage, all] = clocks.map(|clock| clock.rate());
    Rates {
        bare,
        stage,
        all,
        instances,
        preprocess_us,
        postprocess_us,
        session_us,
    }
}

impl Rates {
    fn print(&self, batch: usize, as_json: bool) {
        let Rates {
            bare,
            stage,
            all,
            instances,
            preprocess_us,
            postprocess_us,
            session_us,
        } = self;
        if as_json {
            let line = json!({
                "batch": batch, "bare": bare, "stage": stage, "all": all, "instances": instances,
                "preprocess_us": preprocess_us, "postprocess_us": postprocess_us,
                "session_us": session_us,
            });
            println!("{line}");
            return;
        }
        println!(
            "batch {batch:2}: bare {bare:7.1} frames/s, stage {stage:7.1} ({:.3}), all {all:7.1} \
             ({:.3}); a frame: pre-processing {preprocess_us:.0} us, post-processing \
             {postprocess_us:.1} us ({:.2}% of the session), {instances:.2} instances",
            stage / bare,
            all / bare,
            100.0 * postprocess_us / session_us,
        );
    }
}
