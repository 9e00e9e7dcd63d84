//! Frames per second of the contestants.

use std::time::{Duration, Instant};

use pose::{FrameView, Model, PredictionStages, Prepared};
use serde_json::json;

use crate::{bare::Bare, common::Picture};

const ROUNDS: usize = 12;
const TURN: Duration = Duration::from_millis(250);

/// Frames per second, and where the time of "all" went.
pub(crate) struct Rates {
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

impl Rates {
    /// Measures batches of `batch` frames.
    pub(crate) fn measure(
        bare: &mut Bare,
        stages: &mut PredictionStages,
        model: &mut Model,
        pictures: &[(u32, Picture)],
        batch: usize,
    ) -> Self {
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
        // Memory is allocated and kernels are chosen at the first call.
        bare.run(batch);
        stages.runner.run(prepared.iter()).expect("a run");
        model.predict(&views).expect("a prediction");

        let mut clocks: [Clock; 3] = Default::default();
        let mut sums = [0.0_f64; 4];
        for _ in 0..ROUNDS {
            clocks[0].turn(batch, || bare.run(batch));
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
        Self {
            bare,
            stage,
            all,
            instances,
            preprocess_us,
            postprocess_us,
            session_us,
        }
    }

    /// One line.
    pub(crate) fn print(&self, batch: usize, as_json: bool) {
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
