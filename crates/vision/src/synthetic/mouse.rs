//! What an animal looks like.

use super::arena::Canvas;
use super::landmarks::{self, HEAD, PAWS, SIDES};
use super::math::{Point, mix};
use super::walk::{LENGTH, Spine, TAIL_BASE};
use super::{NODES, TruePose};

/// Where each of [`NODES`] lies, units behind the nose.
const PLACES: [f64; NODES.len()] = [0.0, HEAD, 23.0, TAIL_BASE, LENGTH];

/// Half the body's width, at units behind the nose.
const BODY: [(f64, f32); 10] = [
    (0.0, 1.7),
    (3.0, 3.4),
    (7.0, 5.3),
    (11.0, 6.0),
    (15.0, 6.2),
    (20.0, 7.8),
    (27.0, 9.6),
    (33.0, 9.6),
    (38.0, 6.6),
    (41.5, 2.2),
];

/// Tones of the fur in its shaded and its lit parts, per animal.
const FUR: [(f32, f32); super::MAX_ANIMALS as usize] = [(26.0, 92.0), (58.0, 124.0), (14.0, 60.0)];
/// Tone of bare skin: tail, paws, ears.
const SKIN: f32 = 104.0;
/// Direction towards the light: right, down, out of the image; of length one.
const LIGHT: [f32; 3] = [-0.48, -0.6, 0.64];

/// The true points of the animal whose centre line this is.
pub(super) fn pose(spine: &Spine) -> TruePose {
    TruePose {
        points: PLACES.map(|at| to_f32(spine.place(at).point)),
    }
}

/// Draws the animal on the canvas.
pub(super) fn draw(canvas: &mut Canvas, spine: &Spine, unit: f32, animal: usize) {
    let body = body_line(spine, unit);
    let tail = tail_line(spine, unit);
    let fur = FUR[animal % FUR.len()];
    // Shadow, paws and tail lie under the body, ears and eyes on it.
    let mut shadow = TubeSurface::new(canvas, &body, 4.0 * unit);
    shadow.model(&body);
    shadow.cast_shadow(canvas, [1.6 * unit, 2.4 * unit], 3.5 * unit);
    draw_paws(canvas, spine, unit);
    let mut relief = TubeSurface::new(canvas, &tail, 2.0);
    relief.model(&tail);
    relief.shade(canvas, (SKIN - 40.0, SKIN + 30.0));
    let mut relief = TubeSurface::new(canvas, &body, 2.0);
    relief.model(&body);
    relief.shade(canvas, fur);
    draw_face(canvas, spine, unit, fur);
}

/// One station of a tube: its centre and radius, pixels.
#[derive(Clone, Copy)]
struct TubeSection {
    centre: [f32; 2],
    radius: f32,
}

fn body_line(spine: &Spine, unit: f32) -> Vec<TubeSection> {
    let end = BODY[BODY.len() - 1].0;
    let steps = 28;
    (0..=steps)
        .map(|step| end * f64::from(step) / f64::from(steps))
        .map(|at| TubeSection {
            centre: to_f32(spine.place(at).point),
            radius: half_width(at) * unit,
        })
        .collect()
}

fn tail_line(spine: &Spine, unit: f32) -> Vec<TubeSection> {
    let steps = 18;
    (0..=steps)
        .map(|step| f64::from(step) / f64::from(steps))
        .map(|share| TubeSection {
            centre: to_f32(spine.place(mix_f64(TAIL_BASE - 1.0, LENGTH, share)).point),
            radius: mix(1.9, 0.8, share as f32) * unit,
        })
        .collect()
}

fn half_width(at: f64) -> f32 {
    let next = BODY
        .iter()
        .position(|(a, _)| *a >= at)
        .unwrap_or(BODY.len() - 1)
        .max(1);
    let ((a, wide_a), (b, wide_b)) = (BODY[next - 1], BODY[next]);
    mix(wide_a, wide_b, ((at - a) / (b - a)).clamp(0.0, 1.0) as f32)
}

fn draw_paws(canvas: &mut Canvas, spine: &Spine, unit: f32) {
    for paw in &PAWS {
        for (ahead, size) in [(0.0, 1.9), (1.5, 1.5)] {
            let place = to_f32(paw.place(spine, f64::from(unit), ahead));
            disc(canvas, place, size * unit, SKIN + 22.0, 1.0);
        }
    }
}

fn draw_face(canvas: &mut Canvas, spine: &Spine, unit: f32, fur: (f32, f32)) {
    let u = f64::from(unit);
    let head = spine.place(HEAD);
    // The right side first: where ears meet, the left one lies on top.
    for side in SIDES.into_iter().rev() {
        let ear = to_f32(landmarks::ear(spine, u, side));
        disc(canvas, ear, 3.1 * unit, mix(fur.0, fur.1, 0.45), 1.0);
        let inner = to_f32(head.beside(-0.8 * u, side * 5.0 * u));
        disc(canvas, inner, 2.1 * unit, mix(fur.1, SKIN, 0.75), 0.85);
        let eye = to_f32(landmarks::eye(spine, u, side));
        disc(canvas, eye, 0.95 * unit, 6.0, 1.0);
        let glint = [eye[0] - 0.3 * unit, eye[1] - 0.35 * unit];
        disc(canvas, glint, 0.3 * unit, 215.0, 0.9);
    }
    let nose = to_f32(spine.place(0.0).beside(0.9 * u, 0.0));
    disc(canvas, nose, 0.95 * unit, SKIN + 34.0, 0.9);
}

/// A disc with a smooth edge.
fn disc(canvas: &mut Canvas, centre: [f32; 2], radius: f32, tone: f32, opacity: f32) {
    canvas.around(centre, radius + 1.0, |canvas, index, x, y| {
        let cover = (radius + 0.5 - (x * x + y * y).sqrt()).clamp(0.0, 1.0);
        if cover > 0.0 {
            canvas.blend(index, tone, cover * opacity);
        }
    });
}

/// The part of the canvas around a tube: its outline and its surface.
struct TubeSurface {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
    /// Signed distance to the outline, pixels; negative inside.
    outline: Vec<f32>,
    /// Offset from the nearest place of the centre line, in radii: right and down.
    slope: Vec<[f32; 2]>,
}

impl TubeSurface {
    fn new(canvas: &Canvas, tube: &[TubeSection], spare: f32) -> TubeSurface {
        let bounds = |axis: usize, side: usize| {
            let reach = |s: &TubeSection, sign: f32| s.centre[axis] + sign * (s.radius + spare);
            let low = tube.iter().map(|s| reach(s, -1.0)).fold(f32::MAX, f32::min);
            let high = tube.iter().map(|s| reach(s, 1.0)).fold(f32::MIN, f32::max);
            let high = (high + 2.0).clamp(0.0, side as f32) as usize;
            ((low.max(0.0) as usize).min(high), high)
        };
        let (left, right) = bounds(0, canvas.width);
        let (top, bottom) = bounds(1, canvas.height);
        let (width, height) = (right - left, bottom - top);
        TubeSurface {
            left,
            top,
            width,
            height,
            outline: vec![f32::MAX; width * height],
            slope: vec![[0.0; 2]; width * height],
        }
    }

    /// Joins the stations to one surface.
    fn model(&mut self, tube: &[TubeSection]) {
        for pair in tube.windows(2) {
            self.model_segment(pair[0], pair[1]);
        }
    }

    fn model_segment(&mut self, a: TubeSection, b: TubeSection) {
        let [dx, dy] = [b.centre[0] - a.centre[0], b.centre[1] - a.centre[1]];
        let length = (dx * dx + dy * dy).max(1e-12);
        let reach = a.radius.max(b.radius) + 5.0;
        let span = |from: f32, to: f32, origin: usize, side: usize| {
            let low = (from.min(to) - reach - origin as f32).max(0.0) as usize;
            let high = (from.max(to) + reach + 1.0 - origin as f32).clamp(0.0, side as f32);
            low.min(high as usize)..high as usize
        };
        let columns = span(a.centre[0], b.centre[0], self.left, self.width);
        for y in span(a.centre[1], b.centre[1], self.top, self.height) {
            let py = (y + self.top) as f32 - a.centre[1];
            for x in columns.clone() {
                let px = (x + self.left) as f32 - a.centre[0];
                let along = ((px * dx + py * dy) / length).clamp(0.0, 1.0);
                let (ox, oy) = (px - along * dx, py - along * dy);
                let radius = mix(a.radius, b.radius, along);
                let distance = (ox * ox + oy * oy).sqrt() - radius;
                let index = y * self.width + x;
                if distance < self.outline[index] {
                    self.outline[index] = distance;
                    self.slope[index] = [ox / radius, oy / radius];
                }
            }
        }
    }

    /// Paints the surface, lit from [`LIGHT`], from the dark to the bright tone.
    fn shade(&self, canvas: &mut Canvas, (dark, bright): (f32, f32)) {
        for (index, (&outline, &[nx, ny])) in self.outline.iter().zip(&self.slope).enumerate() {
            let cover = (0.5 - outline).clamp(0.0, 1.0);
            if cover > 0.0 {
                let nz = (1.0 - nx * nx - ny * ny).max(0.0).sqrt();
                let lit = (nx * LIGHT[0] + ny * LIGHT[1] + nz * LIGHT[2]).max(0.0);
                let tone = mix(dark, bright, lit);
                canvas.blend(self.pixel(index, canvas), tone, cover);
            }
        }
    }

    /// Darkens the ground `offset` pixels away, with an edge `soft` pixels wide.
    fn cast_shadow(&self, canvas: &mut Canvas, offset: [f32; 2], soft: f32) {
        let (right, down) = (offset[0] as usize, offset[1] as usize);
        for (index, &outline) in self.outline.iter().enumerate() {
            let depth = (0.5 - outline / soft).clamp(0.0, 1.0);
            let (x, y) = (
                index % self.width + self.left,
                index / self.width + self.top,
            );
            if depth > 0.0 && x + right < canvas.width && y + down < canvas.height {
                let index = (y + down) * canvas.width + x + right;
                canvas.blend(index, 40.0, 0.5 * depth * depth);
            }
        }
    }

    fn pixel(&self, index: usize, canvas: &Canvas) -> usize {
        let (x, y) = (index % self.width, index / self.width);
        (y + self.top) * canvas.width + x + self.left
    }
}

fn to_f32([x, y]: Point) -> [f32; 2] {
    [x as f32, y as f32]
}

fn mix_f64(from: f64, to: f64, share: f64) -> f64 {
    from + (to - from) * share
}
