use std::sync::Arc;

use super::*;
use crate::capture::FrameContent;

/// A picture of one colour.
fn frame(color: [u8; 3], (width, height): (u32, u32)) -> AnnotatedFrame {
    let data = color.repeat((width * height) as usize);
    AnnotatedFrame {
        content: FrameContent::Pixels(Image::new(width, height, 3, data).unwrap()),
        nodes: Arc::new(["nose".to_owned()]),
        caption: String::new(),
        ..AnnotatedFrame::waiting()
    }
}

const RED: [u8; 3] = [10, 20, 200];
const BLUE: [u8; 3] = [200, 30, 10];
const SIZE: (u32, u32) = (80, 60);

fn tile(id: TileId, newest: Option<AnnotatedFrame>) -> NewTile {
    NewTile {
        id,
        name: format!("camera {id}"),
        rate: None,
        newest,
    }
}

fn two() -> View {
    let mut view = View::default();
    let tiles = vec![
        tile(3, Some(frame(RED, SIZE))),
        tile(5, Some(frame(BLUE, SIZE))),
    ];
    assert!(view.take(tiles));
    view
}

fn pixel(image: &Image, x: u32, y: u32) -> [u8; 3] {
    let at = PIXEL * (y * image.width + x) as usize;
    [image.data[at], image.data[at + 1], image.data[at + 2]]
}

#[test]
fn each_tile_has_its_stream_with_its_name_and_rate() {
    let mut view = two();
    let grid = Grid::of_pictures(2, SIZE);
    let image = view.compose(grid);
    assert_eq!((image.width, image.height), (160, 60));
    assert_eq!(pixel(&image, 40, 50), RED);
    assert_eq!(pixel(&image, 120, 50), BLUE);
    view.tiles[1].rate = Some(19.96);
    assert_eq!(view.tiles[1].caption(1), "2  camera 5   20.0 poses/s");
    // A picture keeps its ratio in a tile of another one.
    let image = view.compose(Grid::new(2, (160, 200)));
    assert_eq!(pixel(&image, 40, 120), RED);
    assert_eq!(pixel(&image, 40, 10), [BACKGROUND; 3]);
    assert_eq!(pixel(&image, 79, 100), [BACKGROUND; 3]);
}

#[test]
fn only_what_has_changed_is_drawn_again() {
    let mut view = two();
    let grid = Grid::of_pictures(2, SIZE);
    view.compose(grid);
    assert!(!view.take(vec![tile(3, None), tile(5, None)]));
    let is_drawn = |view: &View| {
        view.tiles
            .iter()
            .map(|it| it.drawn.is_some())
            .collect::<Vec<_>>()
    };
    assert_eq!(is_drawn(&view), [true, true]);
    assert!(view.take(vec![tile(3, None), tile(5, Some(frame(RED, SIZE)))]));
    assert_eq!(is_drawn(&view), [true, false]);
    assert_eq!(pixel(&view.compose(grid), 120, 50), RED);
    // A stream that leaves gives its place to the next one, whose number is another one then.
    assert!(view.take(vec![tile(5, None), tile(7, None)]));
    assert_eq!(is_drawn(&view), [false, false]);
    assert_eq!(pixel(&view.compose(grid), 40, 50), RED);
}

#[test]
fn a_click_or_a_digit_makes_a_tile_large_and_back_ends_that() {
    let mut view = two();
    view.grid = Some(Grid::of_pictures(2, SIZE));
    let large = |view: &View| view.large;
    assert!(view.choose(vec![WindowInput::Click((0.7, 0.5))]));
    assert_eq!(large(&view), Some(5));
    // Only the large one is worth a drawing.
    assert!(!view.take(vec![tile(3, Some(frame(RED, SIZE))), tile(5, None)]));
    assert!(view.take(vec![tile(3, None), tile(5, Some(frame(RED, SIZE)))]));
    assert!(!view.choose(vec![WindowInput::Click((0.1, 0.5))]));
    assert!(view.choose(vec![WindowInput::Digit(1)]));
    assert_eq!(large(&view), Some(3));
    assert!(!view.choose(vec![WindowInput::Digit(9)]));
    assert!(view.choose(vec![WindowInput::Back]));
    assert!(view.choose(vec![WindowInput::Digit(2)]));
    // The stream that is large leaves.
    assert!(view.take(vec![tile(3, None), tile(7, None)]));
    assert_eq!(large(&view), None);
    assert!(view.choose(vec![WindowInput::Digit(2)]));
    assert!(view.take(vec![tile(7, None)]));
    assert_eq!(large(&view), None);
    assert!(!view.choose(vec![WindowInput::Digit(1), WindowInput::Click((0.5, 0.5))]));
}

#[test]
fn a_tile_without_a_picture_has_its_name() {
    let mut view = View::default();
    let wild = NewTile {
        name: "a\nb\u{7}".repeat(100),
        ..tile(0, None)
    };
    view.take(vec![wild, tile(1, None)]);
    let caption = view.tiles[0].caption(0);
    assert!(caption.starts_with("1  a?b?") && caption.ends_with("waiting for frames"));
    assert_eq!(caption.lines().count(), 2);
    assert!(caption.chars().count() < 80);
    let image = view.compose(Grid::of_pictures(2, EMPTY_WINDOW_SIZE));
    assert!(image.data.iter().any(|&level| level > 200));
}
