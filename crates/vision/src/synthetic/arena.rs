//! The ground on which the animals walk, its light, and the camera's noise.

use super::math::{Random, cos, hash, sin};

/// Brightness of the ground before light and texture.
const GROUND: f32 = 184.0;
/// Width of the wall along the frame's edge, units.
const WALL: f32 = 5.0;
/// Length of the table of noise; a power of two.
const NOISE: usize = 1 << 15;
/// Fractional bits of the light's fixed point.
const LIGHT_BITS: u32 = 12;

/// Reflectances of a scene, one per pixel, 0 to 255, row by row.
pub(super) struct Canvas {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) pixels: Vec<u8>,
}

impl Canvas {
    /// Lays `tone` over the pixel with `cover` from 0 (nothing) to 1.
    #[inline]
    pub(super) fn blend(&mut self, index: usize, tone: f32, cover: f32) {
        let old = f32::from(self.pixels[index]);
        self.pixels[index] = (old + (tone - old) * cover + 0.5) as u8;
    }

    /// Calls `visit(index, x - cx, y - cy)` for the pixels within `reach` of a point.
    #[inline]
    pub(super) fn around(
        &mut self,
        [cx, cy]: [f32; 2],
        reach: f32,
        mut visit: impl FnMut(&mut Canvas, usize, f32, f32),
    ) {
        let span = |c: f32, side: usize| {
            let low = (c - reach).max(0.0) as usize;
            let high = (c + reach + 2.0).clamp(0.0, side as f32) as usize;
            low.min(high)..high
        };
        for y in span(cy, self.height) {
            for x in span(cx, self.width) {
                visit(self, y * self.width + x, x as f32 - cx, y as f32 - cy);
            }
        }
    }
}

pub(super) struct Arena {
    width: usize,
    height: usize,
    seed: u64,
    ground: Vec<u8>,
    /// -4 to 4, bell-shaped; twice the table, so that a run never wraps.
    noise: Vec<i8>,
}

impl Arena {
    pub(super) fn new(width: u32, height: u32, unit: f64, seed: u64) -> Arena {
        let mut arena = Arena {
            width: width as usize,
            height: height as usize,
            seed,
            ground: Vec::new(),
            noise: noise_table(seed, width as usize),
        };
        arena.ground = arena.paint_ground(unit as f32);
        arena
    }

    /// The empty arena, to draw on.
    pub(super) fn canvas(&self) -> Canvas {
        Canvas {
            width: self.width,
            height: self.height,
            pixels: self.ground.clone(),
        }
    }

    fn paint_ground(&self, unit: f32) -> Vec<u8> {
        let mut canvas = Canvas {
            width: self.width,
            height: self.height,
            pixels: Vec::with_capacity(self.width * self.height),
        };
        for y in 0..self.height {
            for x in 0..self.width {
                let (u, v) = ((x as f32 + 0.5) / unit, (y as f32 + 0.5) / unit);
                let texture = 9.0 * patches(u / 41.0, v / 41.0, self.seed)
                    + 7.0 * patches(u / 13.0, v / 13.0, self.seed ^ 1)
                    + 6.0 * patches(u / 4.0, v / 4.0, self.seed ^ 2)
                    + 5.0 * patches(u / 1.5, v / 1.5, self.seed ^ 3);
                canvas.pixels.push((GROUND + texture) as u8);
            }
        }
        self.scatter_shavings(&mut canvas, unit);
        self.build_wall(&mut canvas, unit);
        canvas.pixels
    }

    /// Wood shavings: one short stroke per square of the ground.
    fn scatter_shavings(&self, canvas: &mut Canvas, unit: f32) {
        const SQUARE: f32 = 7.0;
        let mut random = Random::new(self.seed, 7);
        let columns = (self.width as f32 / (unit * SQUARE)) as usize + 1;
        let rows = (self.height as f32 / (unit * SQUARE)) as usize + 1;
        for cell in 0..columns * rows {
            let mut place = |cell: usize| (cell as f32 + random.unit() as f32) * SQUARE * unit;
            let centre = [place(cell % columns), place(cell / columns)];
            let turns = random.unit();
            let (dx, dy) = (cos(turns) as f32, sin(turns) as f32);
            let half = random.between(1.0, 4.0) as f32 * unit;
            let thick = random.between(0.3, 0.8) as f32 * unit;
            let tone = GROUND + random.between(-34.0, 38.0) as f32;
            canvas.around(centre, half + thick + 1.0, |canvas, index, x, y| {
                let along = (x * dx + y * dy).clamp(-half, half);
                let (ox, oy) = (x - along * dx, y - along * dy);
                let cover = (thick + 0.5 - (ox * ox + oy * oy).sqrt()).clamp(0.0, 1.0);
                if cover > 0.0 {
                    canvas.blend(index, tone, cover * 0.6);
                }
            });
        }
    }

    fn build_wall(&self, canvas: &mut Canvas, unit: f32) {
        for y in 0..self.height {
            let from_row = y.min(self.height - 1 - y);
            for x in 0..self.width {
                let edge = (x.min(self.width - 1 - x).min(from_row) as f32 + 0.5) / unit;
                if edge < WALL {
                    // A rim that catches the light, then the wall's dark inner side.
                    let tone = if edge < WALL * 0.55 { 92.0 } else { 62.0 };
                    canvas.blend(y * self.width + x, tone, 0.9);
                } else if edge < WALL * 2.4 {
                    let shade = 1.0 - (edge - WALL) / (WALL * 1.4);
                    canvas.blend(y * self.width + x, 70.0, 0.45 * shade * shade);
                }
            }
        }
    }

    /// Lights the canvas as at `time` and adds the noise of frame `index`.
    pub(super) fn expose(&self, canvas: Canvas, time: f64, index: u64) -> Vec<u8> {
        let one = f64::from(1u32 << LIGHT_BITS);
        let fade = 1.0 + 0.035 * sin(time / 11.0) + 0.015 * sin(time / 2.3);
        // A lamp that wanders slowly, brightest where it hangs.
        let lamp = [0.3 * sin(time / 19.0), 0.3 * cos(time / 29.0)];
        let falloff = |i: usize, side: usize, lamp: f64| {
            let off = (2 * i) as f64 / side as f64 - 1.0 - lamp;
            -0.075 * off * off
        };
        let columns: Vec<i32> = (0..self.width)
            .map(|x| ((fade + falloff(x, self.width, lamp[0])) * one) as i32)
            .collect();
        let mut pixels = canvas.pixels;
        for (y, row) in pixels.chunks_exact_mut(self.width).enumerate() {
            let light = (falloff(y, self.height, lamp[1]) * one) as i32;
            let key = self.seed ^ index.wrapping_mul(0x1_0001) ^ ((y as u64) << 40);
            let start = hash(key) as usize & (NOISE - 1);
            let noise = &self.noise[start..start + self.width];
            for ((pixel, column), noise) in row.iter_mut().zip(&columns).zip(noise) {
                let lit = (i32::from(*pixel) * (light + column)) >> LIGHT_BITS;
                *pixel = (lit + i32::from(*noise)).clamp(0, 255) as u8;
            }
        }
        pixels
    }
}

fn noise_table(seed: u64, width: usize) -> Vec<i8> {
    (0..NOISE + width)
        .map(|i| {
            let bits = hash(seed ^ hash(0x6e6f_6973_6500 + (i % NOISE) as u64));
            // Eight coins: a bell of standard deviation 1.4.
            (bits as u8).count_ones() as i8 - 4
        })
        .collect()
}

/// Smooth random patches about one unit wide, -1 to 1.
fn patches(x: f32, y: f32, seed: u64) -> f32 {
    let (column, row) = (x as u32, y as u32);
    let corner = |dx: u32, dy: u32| {
        let cell = u64::from(column + dx) << 32 | u64::from(row + dy);
        (hash(cell ^ hash(seed)) >> 40) as f32 / (1u32 << 23) as f32 - 1.0
    };
    let smooth = |t: f32| t * t * (3.0 - 2.0 * t);
    let (sx, sy) = (smooth(x - column as f32), smooth(y - row as f32));
    let top = super::math::mix(corner(0, 0), corner(1, 0), sx);
    let bottom = super::math::mix(corner(0, 1), corner(1, 1), sx);
    super::math::mix(top, bottom, sy)
}
