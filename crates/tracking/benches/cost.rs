//! What a frame costs: ten animals of fifteen nodes, microseconds.

use std::time::Instant;

use anyhow::Context;
use tracking::flow::{Picture, Pyramid};
use tracking::{
    AnimalsOptions, ClassicOptions, Detection, FramePicture, KalmanFeatures, KalmanOptions,
    Tracker, TrackerKind, TrackerOptions,
};

const FRAMES: u64 = 20_000;

fn frame(index: u64) -> Vec<Detection> {
    let animal = |animal: u64| {
        let angle = index as f64 * 0.02 + animal as f64;
        let (x, y) = (
            60.0 * (animal % 5) as f64 + 40.0 * angle.cos(),
            60.0 * (animal / 5) as f64 + 40.0 * angle.sin(),
        );
        let node = |node: u64| {
            let noise = ((index * 37 + animal * 11 + node * 7) % 10) as f64 * 0.3;
            [x + 4.0 * node as f64 + noise, y + (node % 3) as f64 - noise]
        };
        Detection {
            points: (0..15).map(node).collect(),
            point_scores: vec![0.9; 15],
            score: 13.5,
        }
    };
    let seen = |number: &u64| (index + 13 * number) % 97 > 5;
    (0..10).filter(seen).map(animal).collect()
}

fn main() -> anyhow::Result<()> {
    let known = TrackerOptions::Animals(AnimalsOptions {
        max_tracks: Some(10),
    });
    let all = TrackerKind::ALL
        .iter()
        .map(|kind| (kind.name(), TrackerOptions::of(*kind)));
    for (name, options) in [("animals, 10 known", known)].into_iter().chain(all) {
        let mut tracker = Tracker::new(options)?;
        let mut costs: Vec<f64> = (0..FRAMES)
            .map(|index| {
                let frame = frame(index);
                let begun = Instant::now();
                drop(tracker.track(index, &frame));
                begun.elapsed().as_secs_f64() * 1e6
            })
            .collect();
        costs.sort_by(f64::total_cmp);
        let quantile = |share: f64| costs[(share * (costs.len() - 1) as f64) as usize];
        println!(
            "{name:>18}: p50 {:6.1}  p99 {:6.1}",
            quantile(0.5),
            quantile(0.99)
        );
    }
    for (size, channels) in [((640, 480), 1), ((1920, 1080), 1), ((1920, 1080), 3)] {
        println!("{}", flow_cost(size, channels)?);
    }
    println!(
        "fitting the filters of one track's nodes: {:.0} ms",
        fit_ms()?
    );
    Ok(())
}

/// What a frame costs with `use_flow`, milliseconds: its pyramid, and all points of the last five frames.
fn flow_cost((width, height): (u32, u32), channels: u8) -> anyhow::Result<String> {
    let options = TrackerOptions::Classic(ClassicOptions {
        use_flow: true,
        ..ClassicOptions::default()
    });
    let flow = *options.flow().context("it looks at pictures")?;
    let mut tracker = Tracker::new(options)?;
    let (mut pyramids, mut costs) = (Vec::new(), Vec::new());
    for index in 0..60u64 {
        let pixels = texture((width, height), channels, index as f64);
        let picture = Picture::new(width, height, channels, &pixels)?;
        let begun = Instant::now();
        let pyramid = Pyramid::new(&picture, &flow);
        pyramids.push(begun.elapsed().as_secs_f64() * 1e3);
        let detections = frame(index);
        let begun = Instant::now();
        drop(tracker.track_seen(index, &detections, Some(FramePicture::new(pyramid))));
        costs.push(begun.elapsed().as_secs_f64() * 1e3);
    }
    let median = |values: &mut Vec<f64>| {
        values.sort_by(f64::total_cmp);
        values[values.len() / 2]
    };
    Ok(format!(
        "use_flow, {width}x{height}x{channels}: pyramid {:.1} ms, tracking {:.1} ms",
        median(&mut pyramids),
        median(&mut costs)
    ))
}

/// A texture that moves by two pixels a frame.
fn texture((width, height): (u32, u32), channels: u8, frame: f64) -> Vec<u8> {
    let wave = |at: u32, length: f64| ((f64::from(at) - 2.0 * frame) / length).sin();
    let across: Vec<f64> = (0..width).map(|x| wave(x, 5.0) + wave(x, 17.0)).collect();
    let down: Vec<f64> = (0..height).map(|y| wave(y, 6.0) + wave(y, 13.0)).collect();
    let value = |x: &f64, y: &f64, channel: u8| (128.0 + 25.0 * (x + y) + f64::from(channel)) as u8;
    let row = |y| {
        across
            .iter()
            .flat_map(move |x| (0..channels).map(move |c| value(x, y, c)))
    };
    down.iter().flat_map(row).collect()
}

/// The longest frame of one animal whose every node a filter follows, milliseconds.
fn fit_ms() -> anyhow::Result<f64> {
    let options = ClassicOptions {
        use_kalman: true,
        max_tracks: Some(1),
        kalman: KalmanOptions {
            track_features: KalmanFeatures::Keypoints,
            ..KalmanOptions::default()
        },
        ..ClassicOptions::default()
    };
    let mut tracker = Tracker::new(TrackerOptions::Classic(options))?;
    let costs = (0..20).map(|index| {
        let begun = Instant::now();
        drop(tracker.track(index, &frame(100 + index)[..1]));
        begun.elapsed().as_secs_f64() * 1e3
    });
    Ok(costs.fold(0.0, f64::max))
}
