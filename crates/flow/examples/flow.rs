//! Follows points from one picture to another.
//!
//! `flow PAIR.json` reads `pictures` (a file with the pixels of both, one after the other), `width`, `height`,
//! `channels`, the options and `points`, and prints `{"points": [[x, y], …], "found": […], "errors": […]}`; with `passes`
//! also `seconds`, the median of so many passes from the pixels of both pictures to the points.

use std::time::Instant;

use anyhow::{Context, Result};
use flow::{FlowOptions, Picture, Pyramid, ShiftedPoint};
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
struct Pair {
    pictures: String,
    width: u32,
    height: u32,
    channels: u8,
    img_scale: f64,
    window_size: u32,
    max_levels: u32,
    #[serde(default)]
    passes: usize,
    points: Vec<[Option<f32>; 2]>,
}

fn main() -> Result<()> {
    let path = std::env::args().nth(1).context("usage: flow PAIR.json")?;
    let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    let pair: Pair = serde_json::from_str(&text).with_context(|| format!("{path} is no pair"))?;
    let options = FlowOptions {
        img_scale: pair.img_scale,
        window_size: pair.window_size,
        max_levels: pair.max_levels,
    };
    options.check()?;
    let pixels =
        std::fs::read(&pair.pictures).with_context(|| format!("cannot read {}", pair.pictures))?;
    let (first, second) = pixels.split_at(pixels.len() / 2);
    let pyramid = |pixels| -> Result<Pyramid> {
        let picture = Picture::new(pair.width, pair.height, pair.channels, pixels)?;
        Ok(Pyramid::new(&picture, &options))
    };
    let value = |value: Option<f32>| value.unwrap_or(f32::NAN);
    let points: Vec<[f32; 2]> = pair.points.iter().map(|xy| xy.map(value)).collect();
    let follow = || -> Result<Vec<ShiftedPoint>> {
        let shifted = pyramid(first)?.shifted(&pyramid(second)?, &points);
        shifted.context("the pictures differ in size")
    };
    let shifted = follow()?;
    let mut seconds = Vec::new();
    for _ in 0..pair.passes {
        let begun = Instant::now();
        follow()?;
        seconds.push(begun.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    let points: Vec<_> = shifted.iter().map(|one| one.point).collect();
    let found: Vec<_> = shifted.iter().map(|one| one.found).collect();
    let errors: Vec<_> = shifted.iter().map(|one| one.error).collect();
    println!(
        "{}",
        json!({
            "points": points,
            "found": found,
            "errors": errors,
            "seconds": seconds.get(seconds.len() / 2),
        })
    );
    Ok(())
}
