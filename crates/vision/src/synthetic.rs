//! A synthetic animal: a mouse seen from above, walking through an arena.
//!
//! Frame `index` of a [`Config`] is a pure function of the two. Only additions,
//! multiplications, divisions and square roots are used (no `sin`, no `exp` of the
//! platform), so every machine draws the same bytes and has the same true points.
//!
//! Lengths are given in *units*: one pixel in a 256x192 frame, more in a larger one.

use std::cell::RefCell;

use crate::Image;

mod arena;
mod config;
mod landmarks;
mod math;
mod mouse;
mod walk;

pub use config::{Config, ParseError};
pub use landmarks::MouseSkeleton;

/// Names of the points of every animal, in the order of [`TruePose::points`].
pub const NODES: [&str; 5] = ["nose", "head", "thorax", "tail_base", "tail_tip"];

/// The skeleton's connections, as indices into [`NODES`].
pub const EDGES: [[u32; 2]; 4] = [[0, 1], [1, 2], [2, 3], [3, 4]];

/// The most animals that a scene has room for.
pub const MAX_ANIMALS: u32 = 3;

/// Where the points of one animal truly are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TruePose {
    /// x and y of each of [`NODES`], pixels; (0, 0) is the centre of the top left pixel.
    pub points: [[f32; 2]; NODES.len()],
}

/// Draws the frames of one [`Config`]; keeps what does not change between them.
pub struct Renderer {
    config: Config,
    unit: f64,
    arena: arena::Arena,
    walks: Vec<walk::Walk>,
}

impl Renderer {
    /// Prepares the scene. Sides of zero become one pixel; at most [`MAX_ANIMALS`] walk.
    pub fn new(config: &Config) -> Renderer {
        let (width, height) = (config.width.max(1), config.height.max(1));
        let unit = (f64::from(width) / 256.0).min(f64::from(height) / 192.0);
        let animals = config.animals.min(MAX_ANIMALS);
        Renderer {
            config: config.clone(),
            unit,
            arena: arena::Arena::new(width, height, unit, config.seed),
            walks: (0..animals)
                .map(|animal| walk::Walk::new(width, height, unit, config.seed, animal, animals))
                .collect(),
        }
    }

    /// Frame `index` (gray) and the animals' true points in it.
    pub fn frame(&self, index: u64) -> (Image, Vec<TruePose>) {
        let time = self.time(index);
        let mut canvas = self.arena.canvas();
        let mut poses = Vec::with_capacity(self.walks.len());
        for (animal, walk) in self.walks.iter().enumerate() {
            let spine = walk.spine(time);
            mouse::draw(&mut canvas, &spine, self.unit as f32, animal);
            poses.push(mouse::pose(&spine));
        }
        let data = self.arena.expose(canvas, time, index);
        let image = Image {
            width: self.config.width.max(1),
            height: self.config.height.max(1),
            channels: 1,
            data: data.into(),
        };
        (image, poses)
    }

    /// The true points of each animal in frame `index`: x and y of each of the skeleton's
    /// nodes, pixels; (0, 0) is the centre of the top left pixel.
    pub fn points(&self, index: u64, skeleton: MouseSkeleton) -> Vec<Vec<[f32; 2]>> {
        // The pictures are drawn with a unit of this precision.
        let unit = f64::from(self.unit as f32);
        let time = self.time(index);
        let of_walk = |walk: &walk::Walk| {
            let all = landmarks::all(&walk.spine(time), unit);
            let chosen = &all[..skeleton.nodes().len()];
            chosen.iter().map(|[x, y]| [*x as f32, *y as f32]).collect()
        };
        self.walks.iter().map(of_walk).collect()
    }

    /// The moment of a frame, seconds.
    fn time(&self, index: u64) -> f64 {
        let fps = if self.config.fps > 0.0 {
            self.config.fps
        } else {
            config::DEFAULT_FPS
        };
        index as f64 / fps
    }
}

/// Frame `index` of `config` (gray) and the animals' true points in it.
///
/// The scene last drawn on this thread is kept, so a run of frames costs no more than
/// with a [`Renderer`] of one's own.
pub fn render(config: &Config, index: u64) -> (Image, Vec<TruePose>) {
    thread_local! {
        static LAST: RefCell<Option<Renderer>> = const { RefCell::new(None) };
    }
    LAST.with_borrow_mut(|last| {
        if last.as_ref().is_none_or(|kept| kept.config != *config) {
            *last = None;
        }
        last.get_or_insert_with(|| Renderer::new(config))
            .frame(index)
    })
}

#[cfg(test)]
mod tests;
