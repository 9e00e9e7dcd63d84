use super::*;

fn sized(width: u32, height: u32) -> Config {
    Config {
        width,
        height,
        ..Config::default()
    }
}

/// Mean of the 3x3 pixels around a point.
fn brightness(image: &Image, [x, y]: [f32; 2]) -> f32 {
    let (column, row) = (x.round() as i64, y.round() as i64);
    let mut sum = 0.0;
    let mut count = 0.0;
    for y in row - 1..=row + 1 {
        for x in column - 1..=column + 1 {
            if (0..i64::from(image.width)).contains(&x) && (0..i64::from(image.height)).contains(&y)
            {
                let index = y as usize * image.width as usize + x as usize;
                sum += f32::from(image.data[index]);
                count += 1.0;
            }
        }
    }
    sum / count
}

#[test]
fn a_frame_depends_on_config_and_index_alone() {
    let config = sized(128, 96);
    let first = render(&config, 77);
    render(&sized(64, 64), 3);
    assert_eq!(render(&config, 77), first);
    assert_eq!(Renderer::new(&config).frame(77), first);
    assert_ne!(render(&config, 78).0, first.0);
    let other = Config { seed: 1, ..config };
    assert_ne!(render(&other, 77).1, first.1);
}

/// The bytes themselves: they must not differ between machines or releases, because
/// stored predictions and models were made from them.
#[test]
fn frames_are_the_same_on_every_machine() {
    let (image, poses) = render(&Config::default(), 100);
    let sum = image.data.iter().fold(0u64, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u64::from(*byte))
    });
    assert_eq!((sum, poses[0].points), (GOLDEN_SUM, GOLDEN_POINTS));
}

const GOLDEN_SUM: u64 = 9_614_628_512_459_274_896;
const GOLDEN_POINTS: [[f32; 2]; 5] = [
    [104.293236, 21.965591],
    [113.683395, 20.118013],
    [127.216606, 21.138905],
    [143.98967, 23.390785],
    [174.33968, 37.8425],
];

#[test]
fn points_stay_within_frames_of_any_size() {
    for (width, height) in [(256, 192), (640, 480), (100, 300), (1000, 90), (16, 16)] {
        for seed in 0..4 {
            let config = Config {
                seed,
                animals: 3,
                ..sized(width, height)
            };
            let renderer = Renderer::new(&config);
            for index in (0..4000).step_by(97) {
                let (image, poses) = renderer.frame(index);
                assert_eq!(image.data.len(), (width * height) as usize);
                assert_eq!(poses.len(), 3);
                for [x, y] in poses.iter().flat_map(|pose| pose.points) {
                    assert!(x > 0.0 && x < width as f32 - 1.0, "{width}x{height} {x}");
                    assert!(y > 0.0 && y < height as f32 - 1.0, "{width}x{height} {y}");
                }
            }
        }
    }
}

#[test]
fn points_lie_on_the_animal() {
    for config in [sized(256, 192), sized(640, 480)] {
        let empty = Renderer::new(&Config {
            animals: 0,
            ..config.clone()
        });
        let renderer = Renderer::new(&config);
        for index in (0..900).step_by(60) {
            let (ground, none) = empty.frame(index);
            assert!(none.is_empty());
            let (image, poses) = renderer.frame(index);
            for (node, point) in NODES.iter().zip(poses[0].points) {
                let (with, without) = (brightness(&image, point), brightness(&ground, point));
                assert!(with + 12.0 < without, "{node} at {index}: {with} {without}");
            }
        }
    }
}

#[test]
fn motion_is_smooth() {
    let renderer = Renderer::new(&Config::default());
    let mut last = renderer.frame(0).1;
    let mut longest = 0f32;
    let mut nose_way = 0f32;
    for index in 1..1200 {
        let poses = renderer.frame(index).1;
        for (node, (a, b)) in last[0].points.iter().zip(poses[0].points).enumerate() {
            let step = ((a[0] - b[0]).powi(2) + (a[1] - b[1]).powi(2)).sqrt();
            longest = longest.max(step);
            nose_way += if node == 0 { step } else { 0.0 };
        }
        last = poses;
    }
    assert!(longest < 5.0, "a point jumped by {longest} pixels");
    assert!(nose_way > 800.0, "walked only {nose_way} pixels in 40 s");
}

#[test]
fn the_rate_scales_time() {
    let slow = sized(128, 96);
    let fast = Config {
        fps: 60.0,
        ..slow.clone()
    };
    assert_eq!(render(&slow, 50).1, render(&fast, 100).1);
}

#[test]
fn a_larger_frame_shows_the_same_scene() {
    let small = render(&sized(256, 192), 40).1[0];
    let large = render(&sized(512, 384), 40).1[0];
    for (s, l) in small.points.iter().zip(large.points) {
        for axis in 0..2 {
            // Pixel centres: half a pixel in, half a pixel out.
            let expected = (s[axis] + 0.5) * 2.0 - 0.5;
            assert!((l[axis] - expected).abs() < 0.01);
        }
    }
}

#[test]
fn animals_differ_and_no_more_than_fit_walk() {
    let config = Config {
        animals: 9,
        ..sized(320, 240)
    };
    let (_, poses) = render(&config, 10);
    assert_eq!(poses.len(), MAX_ANIMALS as usize);
    for (i, a) in poses.iter().enumerate() {
        for b in &poses[..i] {
            let apart =
                (a.points[2][0] - b.points[2][0]).abs() + (a.points[2][1] - b.points[2][1]).abs();
            assert!(apart > 20.0, "{apart}");
        }
    }
}

#[test]
fn edges_name_nodes_and_form_a_tree() {
    assert_eq!(EDGES.len() + 1, NODES.len());
    for (index, [from, to]) in EDGES.iter().enumerate() {
        assert!((*from as usize) < NODES.len());
        assert_eq!(*to as usize, index + 1);
    }
}
