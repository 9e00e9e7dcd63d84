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
fn skeletons_are_trees_over_their_nodes() {
    assert_eq!(
        (MouseSkeleton::Five.nodes(), MouseSkeleton::Five.edges()),
        (&NODES[..], &EDGES[..])
    );
    for (skeleton, count) in MouseSkeleton::ALL.into_iter().zip([5, 7, 13, 15]) {
        assert_eq!(skeleton.nodes().len(), count);
        assert_eq!(MouseSkeleton::with_nodes(count), Some(skeleton));
        assert_eq!(skeleton.edges().len() + 1, count);
        let root = skeleton.edges()[0][0];
        let mut reached = vec![root];
        for [from, to] in skeleton.edges() {
            assert!((*to as usize) < count);
            assert!(
                reached.contains(from) && !reached.contains(to),
                "{from} {to}"
            );
            reached.push(*to);
        }
    }
    assert_eq!(MouseSkeleton::with_nodes(6), None);
}

#[test]
fn every_skeleton_sees_the_same_animal() {
    let renderer = Renderer::new(&Config {
        animals: 2,
        ..sized(500, 300)
    });
    let poses = renderer.frame(33).1;
    let all = renderer.points(33, MouseSkeleton::Fifteen);
    for skeleton in MouseSkeleton::ALL {
        let points = renderer.points(33, skeleton);
        assert_eq!(points.len(), 2);
        for (animal, pose) in poses.iter().enumerate() {
            assert_eq!(points[animal][..5], pose.points);
            assert_eq!(points[animal], all[animal][..skeleton.nodes().len()]);
        }
    }
}

/// Paws are paler than fur, though a step can take one under the body, and nothing is as
/// dark as an eye.
#[test]
fn paws_and_eyes_can_be_seen() {
    let renderer = Renderer::new(&sized(1024, 768));
    let mut paws = 0;
    for index in (0..900).step_by(30) {
        let (image, _) = renderer.frame(index);
        let points = &renderer.points(index, MouseSkeleton::Fifteen)[0];
        for (name, point) in MouseSkeleton::Fifteen.nodes().iter().zip(points) {
            let (darkest, palest) = extremes(&image, *point);
            let seen = format!("{name} at {index}: {darkest} to {palest}");
            match *name {
                "paw_front_left" | "paw_front_right" => paws += u32::from(palest > 100),
                "eye_left" | "eye_right" => assert!(darkest < 12, "{seen}"),
                "rump" => assert!(darkest > 12 && palest < 100, "{seen}"),
                _ => {}
            }
        }
    }
    assert!(paws >= 50, "{paws} of 60 paws are seen");
}

/// The darkest and the palest of the 3x3 pixels around a point.
fn extremes(image: &Image, [x, y]: [f32; 2]) -> (u8, u8) {
    let (column, row) = (x.round() as usize, y.round() as usize);
    let rows = image.data.chunks(image.width as usize).skip(row - 1);
    let pixels = rows.take(3).flat_map(|row| &row[column - 1..=column + 1]);
    pixels.fold((255, 0), |(low, high), &pixel| {
        (low.min(pixel), high.max(pixel))
    })
}

#[test]
fn left_is_left_of_the_way_from_tail_to_head() {
    let renderer = Renderer::new(&sized(640, 480));
    for index in (0..900).step_by(50) {
        let points = &renderer.points(index, MouseSkeleton::Fifteen)[0];
        let [head, thorax] = [points[1], points[2]];
        let ahead = [head[0] - thorax[0], head[1] - thorax[1]];
        for (node, name) in MouseSkeleton::Fifteen.nodes().iter().enumerate() {
            let off = [points[node][0] - thorax[0], points[node][1] - thorax[1]];
            // Rows count downwards: left of the way right is up.
            let left = ahead[1] * off[0] - ahead[0] * off[1];
            if name.starts_with("ear") || name.starts_with("paw") {
                assert_eq!(left > 0.0, name.ends_with("left"), "{name} at {index}");
            }
        }
    }
}
