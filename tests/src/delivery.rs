//! How true poses are at the moment at which they are used, on the synthetic mouse.

use std::fs::File;

use serde_json::Value;
use tracking::{Nodes, OneEuroOptions, PosePredictor, PoseSmoother};
use vision::synthetic::{Config, MouseSkeleton, Renderer};

use crate::demo;

/// Frames a second at which the truth is known.
const TRUTH_FPS: f64 = 1000.0;

/// Frames before the errors count: noise and speed have to be learned first.
const LEARNED: usize = 30;

/// Poses of a mouse, one a frame, and where its points truly are at any time.
pub struct MovingMouse {
    /// Seconds and points of each frame.
    pub frames: Vec<(f64, Nodes)>,
    truth: Renderer,
}

/// Mean errors of the poses at the moment of delivery, pixels.
#[derive(Debug, Clone, Copy)]
pub struct DeliveryErrors {
    /// Of the poses as they were measured.
    pub measured: f64,
    /// Of the poses that were carried on.
    pub ahead: f64,
    /// Of smoothed poses.
    pub smooth: f64,
    /// How often the truth was within two standard deviations of x and of y.
    pub within: f64,
}

impl DeliveryErrors {
    /// What carrying on leaves of the error.
    pub fn ratio(&self) -> f64 {
        self.ahead / self.measured
    }
}

fn scene(width: u32, height: u32, seed: u64, fps: f64) -> Renderer {
    Renderer::new(&Config {
        width,
        height,
        fps,
        seed,
        ..Config::default()
    })
}

impl MovingMouse {
    /// A mouse that is measured with normal errors of so many pixels.
    pub fn noisy(fps: f64, seed: u64, seconds: f64, sd: f64) -> Self {
        let truth = scene(512, 384, seed, TRUTH_FPS);
        let mut random = Random(seed ^ 0x9e37_79b9_7f4a_7c15);
        let frames = (0..(seconds * fps) as u64).map(|frame| {
            let time = frame as f64 / fps;
            let points = points(&truth, time).into_iter();
            let noisy = points.map(|point| point.map(|value| value + sd * random.normal()));
            (time, noisy.collect())
        });
        Self {
            frames: frames.collect(),
            truth,
        }
    }

    /// The poses that the demonstration's model finds in the demonstration's video.
    pub fn of_the_demonstration() -> Self {
        /// Seed and first frame of the video, as `examples/demo/make_demo.py` has them.
        const SEED: u64 = 4;
        const START: f64 = 0.0;
        let file = File::open(demo("sleap_nn.json")).expect("the demonstration's predictions");
        let predictions: Value = serde_json::from_reader(file).expect("JSON");
        let frames = predictions["frames"].as_array().expect("a list");
        let point = |point: &Value| [0, 1].map(|axis| point[axis].as_f64().unwrap_or(f64::NAN));
        let frames = frames.iter().enumerate().map(|(index, frame)| {
            let points = frame["instances"][0]["points"].as_array();
            let points = points.expect("an instance").iter().map(point);
            ((START + index as f64) / 30.0, points.collect())
        });
        Self {
            frames: frames.collect(),
            truth: scene(512, 384, SEED, TRUTH_FPS),
        }
    }

    /// The errors of poses that are used so many seconds after their capture.
    pub fn errors(&self, age: f64) -> DeliveryErrors {
        let mut predictor = PosePredictor::default();
        let mut smoother = PoseSmoother::new(OneEuroOptions::default());
        let key = [Some("mouse".to_owned())];
        let mut sums = [0.0; 3];
        let (mut count, mut within, mut inside) = (0.0, 0.0, 0.0);
        for (index, (time, measured)) in self.frames.iter().enumerate() {
            let instances = std::slice::from_ref(measured);
            let ahead = predictor.frame(*time, &key, instances, age);
            let smooth = smoother.frame(*time, &key, instances);
            if index < LEARNED {
                continue;
            }
            let truth = points(&self.truth, time + age);
            for (node, truth) in truth.into_iter().enumerate() {
                let (Some(carried), Some(smoothed)) =
                    (ahead.points[0][node], smooth.points[0][node])
                else {
                    continue;
                };
                for (sum, point) in sums.iter_mut().zip([measured[node], carried, smoothed]) {
                    *sum += (point[0] - truth[0]).hypot(point[1] - truth[1]);
                }
                count += 1.0;
                for axis in 0..2 {
                    let off = (carried[axis] - truth[axis]).abs();
                    within += 1.0;
                    inside += f64::from(ahead.sd[0][node].is_some_and(|sd| off <= 2.0 * sd));
                }
            }
        }
        DeliveryErrors {
            measured: sums[0] / count,
            ahead: sums[1] / count,
            smooth: sums[2] / count,
            within: inside / within,
        }
    }
}

/// Where the five points truly are.
fn points(truth: &Renderer, time: f64) -> Nodes {
    let index = (time * TRUTH_FPS).round() as u64;
    let animals = truth.points(index, MouseSkeleton::Five);
    animals[0]
        .iter()
        .map(|point| point.map(f64::from))
        .collect()
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn unit(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ (bits >> 31)) >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Nearly normal: the sum of twelve uniform numbers.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }
}
