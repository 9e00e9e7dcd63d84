//! Writes frames of the synthetic animal as raw bytes, and its true points as JSON.
//!
//! ```text
//! cargo run --release -p sleap-stream-vision --example synthetic_animal -- \
//!     --size 512x384@30 --frames 150 --seed 1 --out frames.gray --truth truth.json
//! ffplay -f rawvideo -pixel_format gray -video_size 512x384 frames.gray
//! ```

use std::error::Error;
use std::fs::File;
use std::io::{self, BufWriter, Write};

use serde_json::json;
use vision::synthetic::{Config, MouseSkeleton, Renderer};

const USAGE: &str = "\
Options:
  --size WxH@FPS   size and rate (default 256x192@30)
  --frames N       how many frames (default 100)
  --start N        index of the first frame (default 0)
  --seed N         path and background (default 0)
  --animals N      how many animals, 0 to 3 (default 1)
  --nodes N        points of each animal: 5, 7, 13 or 15 (default 5)
  --random         poses unrelated to each other: other scenes, other moments
  --bgr            three equal channels instead of one
  --out FILE       raw frames, one after the other; - is standard output (default -)
  --truth FILE     true points as JSON";

/// In random order, frames taken from one scene before the next is built.
const FRAMES_PER_SCENE: u64 = 4;
/// In random order, how late in a scene a frame may be taken: an hour at 30 per second.
const LATEST: u64 = 108_000;

struct Options {
    config: Config,
    skeleton: MouseSkeleton,
    frames: u64,
    start: u64,
    random: bool,
    bgr: bool,
    out: String,
    truth: Option<String>,
}

impl Options {
    fn parse(mut args: impl Iterator<Item = String>) -> Result<Options, Box<dyn Error>> {
        let mut options = Options {
            config: Config::default(),
            skeleton: MouseSkeleton::Five,
            frames: 100,
            start: 0,
            random: false,
            bgr: false,
            out: "-".into(),
            truth: None,
        };
        while let Some(name) = args.next() {
            let mut value = || args.next().ok_or(format!("{name} needs a value"));
            let config = &mut options.config;
            match name.as_str() {
                "--size" => {
                    let size: Config = value()?.parse()?;
                    (config.width, config.height) = (size.width, size.height);
                    config.fps = size.fps;
                }
                "--frames" => options.frames = value()?.parse()?,
                "--start" => options.start = value()?.parse()?,
                "--seed" => config.seed = value()?.parse()?,
                "--animals" => config.animals = value()?.parse()?,
                "--nodes" => {
                    let count = value()?.parse()?;
                    options.skeleton = MouseSkeleton::with_nodes(count)
                        .ok_or(format!("no animal has {count} points\n{USAGE}"))?;
                }
                "--random" => options.random = true,
                "--bgr" => options.bgr = true,
                "--out" => options.out = value()?,
                "--truth" => options.truth = Some(value()?),
                _ => return Err(format!("unknown option {name}\n{USAGE}").into()),
            }
        }
        Ok(options)
    }
}

#[expect(clippy::disallowed_methods, reason = "it writes pixels")]
fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse(std::env::args().skip(1))?;
    let sink: Box<dyn Write> = match options.out.as_str() {
        "-" => Box::new(io::stdout().lock()),
        path => Box::new(File::create(path)?),
    };
    let truth = write_frames(&options, BufWriter::new(sink))?;
    if let Some(path) = &options.truth {
        serde_json::to_writer(BufWriter::new(File::create(path)?), &truth)?;
    }
    Ok(())
}

fn write_frames(
    options: &Options,
    mut sink: impl Write,
) -> Result<serde_json::Value, Box<dyn Error>> {
    let mut config = options.config.clone();
    let mut renderer = Renderer::new(&config);
    let mut truth = Vec::new();
    for count in 0..options.frames {
        let mut index = options.start + count;
        if options.random {
            if count.is_multiple_of(FRAMES_PER_SCENE) {
                config.seed = scramble(options.config.seed, count / FRAMES_PER_SCENE);
                renderer = Renderer::new(&config);
            }
            index = scramble(config.seed, count) % LATEST;
        }
        let (image, _) = renderer.frame(index);
        if options.bgr {
            let pixels: Vec<u8> = image.data.iter().flat_map(|&gray| [gray; 3]).collect();
            sink.write_all(&pixels)?;
        } else {
            sink.write_all(&image.data)?;
        }
        let points = renderer.points(index, options.skeleton);
        truth.push(frame_truth(config.seed, index, &points));
    }
    sink.flush()?;
    Ok(json!({
        "width": config.width,
        "height": config.height,
        "channels": if options.bgr { 3 } else { 1 },
        "fps": config.fps,
        "nodes": options.skeleton.nodes(),
        "edges": options.skeleton.edges(),
        "frames": truth,
    }))
}

fn frame_truth(seed: u64, index: u64, animals: &[Vec<[f32; 2]>]) -> serde_json::Value {
    // A hundredth of a pixel is far below what any model resolves.
    let round = |value: f32| (f64::from(value) * 100.0).round() / 100.0;
    let rounded = |points: &Vec<[f32; 2]>| -> Vec<_> {
        points.iter().map(|point| point.map(round)).collect()
    };
    let animals: Vec<_> = animals.iter().map(rounded).collect();
    json!({ "seed": seed, "index": index, "animals": animals })
}

/// A number that looks unrelated to `seed` and `count`.
fn scramble(seed: u64, count: u64) -> u64 {
    let mut state = seed.wrapping_mul(0x2545_f491_4f6c_dd1d) ^ count.wrapping_add(1);
    for _ in 0..4 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state = state.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
    state >> 16
}
