//! What a frame costs: ten animals of fifteen nodes, microseconds.

use std::time::Instant;

use tracking::{
    AnimalsOptions, ClassicOptions, Detection, KalmanFeatures, KalmanOptions, Tracker, TrackerKind,
    TrackerOptions,
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
    println!(
        "fitting the filters of one track's nodes: {:.0} ms",
        fit_ms()?
    );
    Ok(())
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
