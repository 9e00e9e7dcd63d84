//! Integration tests of this crate, one program: linking costs more than running.

use flow::{FlowOptions, Picture, Pyramid, ShiftedPoint};
use proptest::prelude::*;

/// A texture without an edge, at a place between pixels.
fn texture(width: u32, height: u32, channels: u8, [dx, dy]: [f64; 2]) -> Vec<u8> {
    let value = |x: u32, y: u32, channel: u8| {
        let (x, y) = (f64::from(x) - dx, f64::from(y) - dy);
        let phase = f64::from(channel);
        let waves =
            (x * 0.31 + phase).sin() + (y * 0.27 - phase).cos() + (x * 0.11 + y * 0.17).sin();
        (127.0 + 40.0 * waves) as u8
    };
    (0..height)
        .flat_map(|y| (0..width).flat_map(move |x| (0..channels).map(move |c| value(x, y, c))))
        .collect()
}

fn follow(
    size: (u32, u32),
    channels: u8,
    by: [f64; 2],
    options: &FlowOptions,
    points: &[[f32; 2]],
) -> Vec<ShiftedPoint> {
    let pyramid = |by| {
        let pixels = texture(size.0, size.1, channels, by);
        let picture = Picture::new(size.0, size.1, channels, &pixels).unwrap();
        Pyramid::new(&picture, options)
    };
    let shifted = pyramid([0.0; 2]).shifted(&pyramid(by), points);
    shifted.expect("pictures of one size")
}

#[test]
fn points_are_found_where_the_picture_has_gone() {
    for (channels, img_scale) in [(1, 1.0), (3, 1.0), (1, 0.5), (1, 0.7)] {
        let options = FlowOptions {
            img_scale,
            ..FlowOptions::default()
        };
        let by = [5.25, -3.5];
        for found in follow(
            (160, 120),
            channels,
            by,
            &options,
            &[[80.0, 60.0], [50.5, 40.25]],
        ) {
            assert!(found.found);
        }
        let found = follow((160, 120), channels, by, &options, &[[80.0, 60.0]])[0].point;
        let off = (found[0] - 85.25).hypot(found[1] - 56.5);
        assert!(
            off < 0.2,
            "{off} pixels off, {channels} channels, scale {img_scale}"
        );
    }
}

#[test]
fn points_without_structure_or_outside_are_not_found() {
    let options = FlowOptions::default();
    let flat = vec![90; 100 * 80];
    let picture = Picture::new(100, 80, 1, &flat).unwrap();
    let pyramid = Pyramid::new(&picture, &options);
    let points = [
        [50.0, 40.0],
        [f32::NAN, 3.0],
        [f32::INFINITY, 3.0],
        [-1e30, 2.0],
    ];
    let shifted = pyramid.shifted(&pyramid, &points).unwrap();
    assert!(shifted.iter().all(|one| !one.found && one.error == 0.0));
    let outside = [[-40.0, 10.0], [10.0, 200.0], [f32::NAN; 2]];
    for one in follow((100, 80), 1, [1.0, 0.0], &options, &outside) {
        assert!(!one.found);
    }
}

#[test]
fn a_picture_followed_to_itself_stays_where_it_is() {
    let options = FlowOptions::default();
    for one in follow(
        (90, 70),
        3,
        [0.0; 2],
        &options,
        &[[30.0, 30.0], [60.5, 20.5]],
    ) {
        assert!(one.found && one.error == 0.0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever pictures and points are like: as many come out as go in, and nothing panics.
    #[test]
    fn any_pictures_and_points_are_taken(
        width in 1u32..40,
        height in 1u32..40,
        channels in 1u8..=4,
        window_size in 3u32..60,
        max_levels in 0u32..6,
        img_scale in 0.01f64..=1.0,
        by in prop::array::uniform2(-9.0f64..9.0),
        points in prop::collection::vec(prop::array::uniform2(prop::num::f32::ANY), 0..6),
        near in prop::collection::vec(prop::array::uniform2(-30.0f32..70.0), 0..6),
    ) {
        let options = FlowOptions { img_scale, window_size, max_levels };
        options.check().unwrap();
        let points: Vec<_> = points.into_iter().chain(near).collect();
        let shifted = follow((width, height), channels, by, &options, &points);
        prop_assert_eq!(shifted.len(), points.len());
    }
}
