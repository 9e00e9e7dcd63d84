//! What an overlay changes, and what it survives.

use vision::Image;
use vision::draw::{COLORS, Overlay, TrackMark, UNTRACKED, ZoneMark, overlay};

fn plain(width: u32, height: u32, channels: u8) -> Image {
    let bytes = width as usize * height as usize * usize::from(channels);
    Image::new(width, height, channels, vec![90; bytes]).unwrap()
}

fn pixel(image: &Image, x: u32, y: u32) -> &[u8] {
    let at = image.row_bytes() * y as usize + x as usize * 3;
    &image.data[at..at + 3]
}

const BACKGROUND: [u8; 3] = [90; 3];

fn names(count: usize) -> Vec<String> {
    (0..count).map(|node| format!("node{node}")).collect()
}

#[test]
fn an_empty_overlay_only_makes_the_image_bgr() {
    for channels in [1, 3, 4] {
        let drawn = overlay(&plain(20, 10, channels), &Overlay::default()).unwrap();
        assert_eq!((drawn.width, drawn.height, drawn.channels), (20, 10, 3));
        assert!(drawn.data.iter().all(|&value| value == 90));
    }
}

#[test]
fn nodes_and_edges_stand_where_the_points_are() {
    for (width, height) in [(192, 192), (1920, 1080)] {
        let (x, y) = (width as f32, height as f32);
        let start = [x * 0.25, y * 0.75];
        let end = [x * 0.75, y * 0.75];
        let instances = [vec![Some(start), Some(end)]];
        let nodes = names(2);
        let drawn = overlay(
            &plain(width, height, 1),
            &Overlay {
                nodes: &nodes,
                edges: &[[0, 1]],
                instances: &instances,
                ..Overlay::default()
            },
        )
        .unwrap();
        let row = height * 3 / 4;
        let [left, middle, right] = [width / 4, width / 2, width * 3 / 4];
        let colors: Vec<&[u8]> = [left, middle, right]
            .iter()
            .map(|&x| pixel(&drawn, x, row))
            .collect();
        assert!(colors.iter().all(|color| *color != BACKGROUND));
        assert_ne!(colors[0], colors[2], "the two nodes look alike");
        assert_eq!(pixel(&drawn, middle, height / 4), BACKGROUND);
        assert_eq!(pixel(&drawn, 1, row), BACKGROUND);
    }
}

#[test]
fn instances_have_colours_of_their_own() {
    let instances = [
        vec![Some([20.0, 20.0])],
        vec![Some([60.0, 20.0])],
        vec![Some([100.0, 20.0])],
    ];
    let nodes = names(1);
    let drawn = overlay(
        &plain(128, 128, 3),
        &Overlay {
            nodes: &nodes,
            instances: &instances,
            ..Overlay::default()
        },
    )
    .unwrap();
    let colors: Vec<&[u8]> = [20, 60, 100]
        .iter()
        .map(|&x| pixel(&drawn, x, 20))
        .collect();
    assert!(colors[0] != colors[1] && colors[1] != colors[2] && colors[0] != colors[2]);
}

#[test]
fn animals_have_the_colours_of_their_tracks_and_names_beside_them() {
    let instances = [vec![Some([30.0, 60.0])], vec![Some([90.0, 60.0])]];
    let mark = |color, name: &str| {
        Some(TrackMark {
            color,
            name: name.to_owned(),
        })
    };
    let drawn = |instances: &[Vec<Option<[f32; 2]>>], tracks: &[Option<TrackMark>]| {
        let overlay_of = Overlay {
            nodes: &names(1),
            instances,
            tracks,
            ..Overlay::default()
        };
        overlay(&plain(128, 128, 3), &overlay_of).unwrap()
    };
    let both = drawn(&instances, &[mark(3, "mouse A"), None]);
    assert_eq!(pixel(&both, 30, 60), COLORS[3]);
    assert_eq!(pixel(&both, 90, 60), UNTRACKED);
    // Alone it keeps its colour; the palette repeats.
    let alone = drawn(&instances[..1], &[mark(15, "")]);
    assert_eq!(pixel(&alone, 30, 60), COLORS[3]);
    // The name is over the animal, and changes nothing else.
    let nameless = drawn(&instances, &[mark(3, ""), None]);
    let rows = |image: &Image| -> Vec<u32> {
        let differs =
            |row: &u32| (0..128).any(|x| pixel(image, x, *row) != pixel(&nameless, x, *row));
        (0..128).filter(differs).collect()
    };
    let changed = rows(&both);
    assert!(
        !changed.is_empty() && changed.iter().all(|row| (30..62).contains(row)),
        "{changed:?}"
    );
}

#[test]
fn names_fit_any_image_wherever_the_animal_is() {
    let long = "a name that is much longer than an image is wide ".repeat(9);
    for at in [
        [0.0, 0.0],
        [7.5, 7.5],
        [-5.0, 3.0],
        [f32::NAN, 1.0],
        [1.0e30, 0.0],
    ] {
        for (width, height) in [(1, 1), (8, 200), (200, 8), (320, 240)] {
            for name in ["µs → ünïcode\ttab", "", &long] {
                let mark = TrackMark {
                    color: usize::MAX,
                    name: name.to_owned(),
                };
                let overlay_of = Overlay {
                    instances: &[vec![Some(at)]],
                    tracks: &[Some(mark)],
                    ..Overlay::default()
                };
                let drawn = overlay(&plain(width, height, 1), &overlay_of).unwrap();
                assert_eq!((drawn.width, drawn.height), (width, height));
            }
        }
    }
}

#[test]
fn points_and_edges_that_make_no_sense_are_left_out() {
    let instances = [
        vec![None, Some([f32::NAN, 5.0]), Some([f32::INFINITY, 5.0])],
        vec![Some([1.0e30, 1.0e30]), Some([-5.0e4, 2.0e5]), None],
        vec![],
    ];
    let nodes = names(3);
    let drawn = overlay(
        &plain(32, 32, 3),
        &Overlay {
            nodes: &nodes,
            edges: &[[0, 1], [1, 2], [7, u32::MAX], [1, 1]],
            instances: &instances,
            ..Overlay::default()
        },
    )
    .unwrap();
    assert!(drawn.data.iter().all(|&value| value == 90));
}

#[test]
fn captions_fit_any_image() {
    let long = "a line that is much longer than a small image is wide ".repeat(5);
    let many = "line\n".repeat(500);
    for caption in ["12.3 ms", "µs → ünïcode\ttab", &long, &many, "\n\n"] {
        for (width, height) in [(1, 1), (8, 200), (200, 8), (192, 192), (1920, 1080)] {
            let drawn = overlay(
                &plain(width, height, 3),
                &Overlay {
                    caption,
                    ..Overlay::default()
                },
            )
            .unwrap();
            assert_eq!((drawn.width, drawn.height), (width, height));
            let changed = drawn.data.iter().any(|&value| value != 90);
            assert_eq!(changed, !caption.trim().is_empty());
        }
    }
}

#[test]
fn an_image_that_contradicts_itself_is_refused() {
    let mut image = plain(20, 10, 3);
    image.width = 21;
    assert!(overlay(&image, &Overlay::default()).is_err());
}

#[test]
fn zones_are_outlined_and_filled_while_they_are_in_effect() {
    let square = |left: f32, is_active| ZoneMark {
        name: String::new(),
        outline: vec![
            [left, 40.0],
            [left + 60.0, 40.0],
            [left + 60.0, 100.0],
            [left, 100.0],
        ],
        is_active,
    };
    let zones = [square(20.0, false), square(120.0, true)];
    let drawn = |zones: &[ZoneMark]| {
        let overlay_of = Overlay {
            zones,
            ..Overlay::default()
        };
        overlay(&plain(200, 120, 1), &overlay_of).unwrap()
    };
    let both = drawn(&zones);
    let (at_rest, active) = (pixel(&both, 20, 70), pixel(&both, 120, 70));
    assert!(at_rest.iter().all(|value| *value > 200), "{at_rest:?}");
    assert!(active[2] > 200 && active[0] < 100, "{active:?}");
    assert_eq!(pixel(&both, 50, 70), BACKGROUND);
    let inside = pixel(&both, 150, 70);
    assert!(inside[2] > inside[0] + 40, "{inside:?}");
    // The picture is still there.
    assert!(inside[0] > 40, "{inside:?}");
    assert_eq!(pixel(&both, 100, 20), BACKGROUND);
    // Names are beside them; corners may be anywhere.
    let named = ZoneMark {
        name: "corner".to_owned(),
        ..zones[0].clone()
    };
    assert_ne!(drawn(&[named]), drawn(&zones[..1]));
    let odd = [
        [f32::NAN, 0.0],
        [f32::INFINITY, -1e30],
        [1e30, 50.0],
        [-500.0, 1e9],
    ];
    let odd = ZoneMark {
        outline: odd.to_vec(),
        ..zones[1].clone()
    };
    drawn(&[
        odd.clone(),
        ZoneMark {
            outline: odd.outline[..2].to_vec(),
            ..odd
        },
    ]);
}
