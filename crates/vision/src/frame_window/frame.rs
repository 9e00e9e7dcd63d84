//! A frame and what is drawn on it.

use std::sync::Arc;
use std::time::Instant;

use crate::capture::FrameContent;
use crate::draw::{self, Overlay, TrackMark, Trails, ZoneMark};
use crate::jpeg::JpegDecodeError;
use crate::{Image, ImageError, resize};

/// Size of the picture before the first frame, pixels.
pub(super) const EMPTY_WINDOW_SIZE: (u32, u32) = (640, 360);

/// Its shade of gray.
const EMPTY_WINDOW_SHADE: u8 = 40;

/// A frame and what is drawn on it.
#[derive(Debug, Clone)]
pub struct AnnotatedFrame {
    /// The frame; a JPEG is decoded where the picture is drawn, since most are never shown.
    pub content: FrameContent,
    /// Names of the skeleton's nodes.
    pub nodes: Arc<[String]>,
    /// Pairs of indices into `nodes`.
    pub edges: Arc<[[u32; 2]]>,
    /// One list of points (x, y in pixels) per animal; `None` where a node was not found.
    pub instances: Vec<Vec<Option<[f32; 2]>>>,
    /// The track of each animal; empty where animals are not told apart.
    pub tracks: Vec<Option<TrackMark>>,
    /// Areas of the picture.
    pub zones: Vec<ZoneMark>,
    /// Text for the upper left corner.
    pub caption: String,
}

/// Why a picture cannot be drawn.
#[derive(Debug, thiserror::Error)]
pub enum DrawError {
    /// The frame is a JPEG that cannot be decoded.
    #[error("the frame cannot be decoded: {0}")]
    Decode(#[from] JpegDecodeError),
    /// OpenCV reported an error.
    #[error(transparent)]
    Image(#[from] ImageError),
}

/// How a picture is scaled: a place of it, times this, is that in the scaled one.
#[derive(Debug, Clone, Copy)]
struct PictureScale([f32; 2]);

impl PictureScale {
    /// (0, 0) is the centre of the first pixel.
    fn point(self, [x, y]: [f32; 2]) -> [f32; 2] {
        let place = |at: f32, scale: f32| (at + 0.5) * scale - 0.5;
        [place(x, self.0[0]), place(y, self.0[1])]
    }
}

impl AnnotatedFrame {
    /// A BGR copy of the frame with skeletons and caption drawn on it.
    pub fn draw(&self) -> Result<Image, DrawError> {
        self.draw_after(&mut Trails::default(), &self.caption)
    }

    /// The same with the trails of the pictures before it, to which it is added, and another caption.
    pub(super) fn draw_after(
        &self,
        trails: &mut Trails,
        caption: &str,
    ) -> Result<Image, DrawError> {
        let image = self.content.image()?;
        self.draw_on(&image, trails, caption)
    }

    /// The same, scaled so that it fits into a rectangle.
    pub(super) fn draw_into(
        &self,
        room: (u32, u32),
        trails: &mut Trails,
        caption: &str,
    ) -> Result<Image, DrawError> {
        let image = self.content.image()?;
        let ratio = |room: u32, side: u32| f64::from(room) / f64::from(side.max(1));
        let scale = ratio(room.0, image.width).min(ratio(room.1, image.height));
        let side =
            |side: u32, room: u32| ((f64::from(side) * scale).round() as u32).clamp(1, room.max(1));
        let (width, height) = (side(image.width, room.0), side(image.height, room.1));
        let small = resize(&image, width, height)?;
        let ratio = |to: u32, from: u32| to as f32 / from.max(1) as f32;
        let scale = PictureScale([ratio(width, image.width), ratio(height, image.height)]);
        let scaled = |points: &Vec<Option<[f32; 2]>>| {
            let points = points.iter().map(|point| point.map(|at| scale.point(at)));
            points.collect()
        };
        let zone = |zone: &ZoneMark| ZoneMark {
            outline: zone.outline.iter().map(|at| scale.point(*at)).collect(),
            ..zone.clone()
        };
        let frame = AnnotatedFrame {
            // What is drawn on is handed over aside.
            content: FrameContent::Pixels(small.clone()),
            nodes: Arc::clone(&self.nodes),
            edges: Arc::clone(&self.edges),
            instances: self.instances.iter().map(scaled).collect(),
            tracks: self.tracks.clone(),
            zones: self.zones.iter().map(zone).collect(),
            caption: String::new(),
        };
        frame.draw_on(&small, trails, caption)
    }

    fn draw_on(
        &self,
        image: &Image,
        trails: &mut Trails,
        caption: &str,
    ) -> Result<Image, DrawError> {
        let now = Instant::now();
        let size = (image.width, image.height);
        trails.add(now, size, &self.tracks, &self.instances);
        let overlay = Overlay {
            nodes: &self.nodes,
            edges: &self.edges,
            instances: &self.instances,
            tracks: &self.tracks,
            trails: &trails.pieces(now),
            zones: &self.zones,
            caption,
        };
        Ok(draw::overlay(image, &overlay)?)
    }

    /// What the window shows until the first frame.
    pub(super) fn waiting() -> AnnotatedFrame {
        let (width, height) = EMPTY_WINDOW_SIZE;
        AnnotatedFrame {
            content: FrameContent::Pixels(Image {
                width,
                height,
                channels: 1,
                data: vec![EMPTY_WINDOW_SHADE; (width * height) as usize].into(),
            }),
            nodes: Arc::default(),
            edges: Arc::default(),
            instances: Vec::new(),
            tracks: Vec::new(),
            zones: Vec::new(),
            caption: "waiting for frames".into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(x: f32) -> AnnotatedFrame {
        AnnotatedFrame {
            instances: vec![vec![Some([x, 200.0])]],
            tracks: vec![Some(TrackMark {
                color: 1,
                name: String::new(),
            })],
            caption: String::new(),
            ..AnnotatedFrame::waiting()
        }
    }

    fn pixel(image: &Image, x: u32, y: u32) -> [u8; 3] {
        let at = 3 * (y * image.width + x) as usize;
        [image.data[at], image.data[at + 1], image.data[at + 2]]
    }

    #[test]
    fn a_picture_shows_where_the_animals_of_those_before_it_were() {
        let mut trails = Trails::default();
        seen(100.0).draw_after(&mut trails, "").unwrap();
        let drawn = seen(300.0).draw_after(&mut trails, "").unwrap();
        assert_eq!(pixel(&drawn, 200, 200), draw::COLORS[1]);
        assert_eq!(pixel(&drawn, 500, 200), [EMPTY_WINDOW_SHADE; 3]);
        assert_eq!(pixel(&seen(300.0).draw().unwrap(), 200, 200)[0], 40);
    }

    #[test]
    fn a_scaled_picture_keeps_its_ratio_and_its_animals_their_places() {
        let into = |room| seen(320.0).draw_into(room, &mut Trails::default(), "");
        let drawn = into((320, 400)).unwrap();
        assert_eq!((drawn.width, drawn.height), (320, 180));
        assert_eq!(pixel(&drawn, 160, 100), draw::COLORS[1]);
        assert_eq!(pixel(&drawn, 250, 100), [EMPTY_WINDOW_SHADE; 3]);
        let tiny = into((1, 1)).unwrap();
        assert_eq!((tiny.width, tiny.height), (1, 1));
    }

    #[test]
    fn the_waiting_picture_has_words() {
        let drawn = AnnotatedFrame::waiting().draw().unwrap();
        assert_eq!((drawn.width, drawn.height, drawn.channels), (640, 360, 3));
        assert!(drawn.data.iter().any(|&value| value > 200));
        assert_eq!(drawn.data.last(), Some(&EMPTY_WINDOW_SHADE));
    }
}
