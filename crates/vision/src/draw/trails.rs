//! Trails: where each animal was in the last two seconds.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use opencv::Result;
use opencv::core::{Mat, Point};
use opencv::imgproc::{LINE_AA, line};

use super::palette::color;
use super::{Overlay, TrackMark, scalar};

/// How long a trail is, and how long an animal may be missing in it.
const LENGTH: Duration = Duration::from_secs(2);
const GAP: Duration = Duration::from_millis(500);

/// Trails, and points of one, that are kept at most.
const MAX_TRAILS: usize = 64;
const MAX_POINTS: usize = 64;

/// Points farther out are not kept: no picture is as large.
const FARTHEST: f32 = 30_000.0;

/// A piece of a trail, as it is drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TrailPiece {
    /// Its colour in the palette.
    pub color: usize,
    /// Its ends, x and y in pixels.
    pub ends: [[f32; 2]; 2],
    /// How old it is: 0 is new, 1 goes.
    pub age: f32,
}

/// The trails of the animals in successive pictures.
#[derive(Debug, Default)]
pub struct Trails {
    all: Vec<Trail>,
    /// Width and height of the pictures.
    size: (u32, u32),
}

#[derive(Debug)]
struct Trail {
    track: TrackMark,
    points: VecDeque<(Instant, [f32; 2])>,
}

impl Trails {
    /// Adds where the animals of a picture are. Trails of pictures of another size are dropped.
    pub fn add(
        &mut self,
        now: Instant,
        size: (u32, u32),
        tracks: &[Option<TrackMark>],
        instances: &[Vec<Option<[f32; 2]>>],
    ) {
        if std::mem::replace(&mut self.size, size) != size {
            self.all.clear();
        }
        for (track, points) in tracks.iter().zip(instances) {
            if let (Some(track), Some(middle)) = (track, middle(points)) {
                self.grow(track, now, middle);
            }
        }
        let is_old = |at: &Instant| now.saturating_duration_since(*at) > LENGTH;
        for trail in &mut self.all {
            while trail.points.front().is_some_and(|(at, _)| is_old(at)) {
                trail.points.pop_front();
            }
        }
        self.all.retain(|trail| !trail.points.is_empty());
    }

    fn grow(&mut self, track: &TrackMark, now: Instant, middle: [f32; 2]) {
        let known = self.all.iter().position(|trail| trail.track == *track);
        let known = known.unwrap_or_else(|| {
            if self.all.len() == MAX_TRAILS {
                self.all.remove(0);
            }
            self.all.push(Trail {
                track: track.clone(),
                points: VecDeque::new(),
            });
            self.all.len() - 1
        });
        let points = &mut self.all[known].points;
        // The newest point moves along until it is far enough from the one before.
        let step = LENGTH / MAX_POINTS as u32;
        let before = points.iter().rev().nth(1).map(|(at, _)| *at);
        if before.is_some_and(|at| now.saturating_duration_since(at) < step) {
            points.pop_back();
        }
        if points.len() == MAX_POINTS {
            points.pop_front();
        }
        points.push_back((now, middle));
    }

    /// All trails as they are at `now`.
    pub fn pieces(&self, now: Instant) -> Vec<TrailPiece> {
        let of = |trail: &Trail| {
            let color = trail.track.color;
            let points = trail.points.iter();
            let pairs = points.clone().zip(points.skip(1));
            let pairs = pairs.filter(|((from, _), (to, _))| *to - *from <= GAP);
            let piece = |((_, from), (at, to)): (&(Instant, _), &(Instant, _))| TrailPiece {
                color,
                ends: [*from, *to],
                age: now.saturating_duration_since(*at).as_secs_f32() / LENGTH.as_secs_f32(),
            };
            pairs.map(piece).collect::<Vec<_>>()
        };
        self.all.iter().flat_map(of).collect()
    }
}

/// The mean of the visible nodes.
fn middle(points: &[Option<[f32; 2]>]) -> Option<[f32; 2]> {
    let is_near = |[x, y]: &[f32; 2]| x.abs() <= FARTHEST && y.abs() <= FARTHEST;
    let visible: Vec<_> = points.iter().flatten().filter(|one| is_near(one)).collect();
    let count = visible.len() as f32;
    let mean = |axis: usize| visible.iter().map(|one| one[axis]).sum::<f32>() / count;
    (!visible.is_empty()).then(|| [mean(0), mean(1)])
}

/// Draws the trails, older parts thinner.
pub(super) fn draw(canvas: &mut Mat, overlay: &Overlay<'_>, short_side: u32) -> Result<()> {
    let width = (f64::from(short_side) / 160.0).clamp(2.0, 16.0);
    for piece in overlay.trails {
        let thickness = (width * f64::from(1.0 - piece.age)).round().max(1.0) as i32;
        let [from, to] = piece
            .ends
            .map(|[x, y]| Point::new(x.round() as i32, y.round() as i32));
        let pen = scalar(color(piece.color));
        line(canvas, from, to, pen, thickness, LINE_AA, 0)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(color: usize) -> Option<TrackMark> {
        let name = format!("track_{color}");
        Some(TrackMark { color, name })
    }

    fn at(x: f32) -> Vec<Option<[f32; 2]>> {
        vec![Some([x - 1.0, 5.0]), None, Some([x + 1.0, 5.0])]
    }

    fn ends(trails: &Trails, now: Instant) -> Vec<(usize, [f32; 2])> {
        let pieces = trails.pieces(now).into_iter();
        pieces
            .map(|one| (one.color, one.ends.map(|end| end[0])))
            .collect()
    }

    #[test]
    fn a_trail_has_two_seconds_of_an_animal_and_no_gap() {
        let (start, mut trails) = (Instant::now(), Trails::default());
        let mut add = |ms: u64, tracks: &[Option<TrackMark>], xs: &[f32]| {
            let now = start + Duration::from_millis(ms);
            let instances: Vec<_> = xs.iter().map(|x| at(*x)).collect();
            trails.add(now, (64, 48), tracks, &instances);
            ends(&trails, now)
        };
        assert!(add(0, &[mark(3), None], &[10.0, 40.0]).is_empty());
        assert_eq!(add(300, &[mark(3)], &[12.0]), [(3, [10.0, 12.0])]);
        // Hidden for longer than half a second.
        assert_eq!(add(1000, &[mark(3)], &[30.0]), [(3, [10.0, 12.0])]);
        let both = add(1400, &[mark(3)], &[32.0]);
        assert_eq!(both, [(3, [10.0, 12.0]), (3, [30.0, 32.0])]);
        assert_eq!(add(2500, &[], &[]), [(3, [30.0, 32.0])]);
        assert!(add(3500, &[], &[]).is_empty());
    }

    #[test]
    fn a_picture_of_another_size_begins_anew_and_the_number_is_bounded() {
        let (start, mut trails) = (Instant::now(), Trails::default());
        for step in 0..1000u32 {
            let now = start + Duration::from_millis(2) * step;
            let tracks: Vec<_> = (0..100).map(mark).collect();
            trails.add(now, (64, 48), &tracks, &vec![at(step as f32); 100]);
        }
        let now = start + Duration::from_secs(2);
        assert!(trails.pieces(now).len() <= MAX_TRAILS * MAX_POINTS);
        trails.add(now, (32, 24), &[mark(0)], &[at(1.0)]);
        assert!(trails.pieces(now).is_empty());
    }
}
