use super::*;

const KEY: fn() -> Vec<Option<String>> = || vec![Some("a".to_owned())];

fn frame(predictor: &mut PosePredictor, time: f64, x: f64, by: f64) -> DerivedInstances {
    predictor.frame(time, &KEY(), &[vec![[x, 7.0]]], by)
}

fn x(derived: &DerivedInstances) -> Option<f64> {
    derived.points[0][0].map(|[x, _]| x)
}

#[test]
fn a_steady_walk_is_carried_on() {
    let mut predictor = PosePredictor::default();
    let mut last = DerivedInstances::default();
    for step in 0..60 {
        last = frame(
            &mut predictor,
            0.02 * f64::from(step),
            2.0 * f64::from(step),
            0.1,
        );
    }
    assert!((x(&last).unwrap() - (118.0 + 10.0)).abs() < 0.2, "{last:?}");
    assert!(!last.has_bridged());
    assert!(last.sd[0][0].unwrap() < 1.0, "{last:?}");
}

#[test]
fn a_circle_is_carried_on() {
    let mut predictor = PosePredictor::default();
    let at = |time: f64| {
        [
            100.0 + 50.0 * (3.0 * time).cos(),
            100.0 + 50.0 * (3.0 * time).sin(),
        ]
    };
    let mut off = 0.0;
    for step in 0..90 {
        let time = step as f64 / 30.0;
        let derived = predictor.frame(time, &KEY(), &[vec![at(time)]], 0.1);
        let [x, y] = derived.points[0][0].unwrap();
        let [true_x, true_y] = at(time + 0.1);
        off = (x - true_x).hypot(y - true_y);
    }
    // Without it the pose would be 15 pixels off, on the tangent 2.3.
    assert!(off < 1.0, "{off}");
}

#[test]
fn a_node_that_is_not_seen_is_bridged_for_a_while() {
    let mut predictor = PosePredictor::default();
    for step in 0..30 {
        frame(
            &mut predictor,
            0.02 * f64::from(step),
            2.0 * f64::from(step),
            0.0,
        );
    }
    let mut bridged = Vec::new();
    let mut sds = Vec::new();
    for step in 30..60 {
        let derived = frame(&mut predictor, 0.02 * f64::from(step), f64::NAN, 0.0);
        assert_eq!(derived.has_bridged(), x(&derived).is_some());
        sds.extend(derived.sd[0][0]);
        bridged.extend(x(&derived));
    }
    // 300 ms at 50 frames a second.
    assert!((14..=15).contains(&bridged.len()), "{bridged:?}");
    assert!((bridged[9] - 78.0).abs() < 1.0, "{bridged:?}");
    assert!(sds.is_sorted(), "{sds:?}");
    let back = frame(&mut predictor, 1.2, 120.0, 0.05);
    assert!((x(&back).unwrap() - 120.0).abs() < 1e-9 && !back.has_bridged());
}

#[test]
fn a_node_that_jumps_begins_again() {
    let mut predictor = PosePredictor::default();
    for step in 0..90 {
        let time = 0.02 * f64::from(step);
        let x_true = if step % 30 < 15 { 0.0 } else { 400.0 };
        let derived = frame(&mut predictor, time, x_true, 0.06);
        assert!(
            (x(&derived).unwrap() - x_true).abs() < 30.0,
            "{step}: {derived:?}"
        );
    }
}

#[test]
fn odd_times_and_numbers_do_no_harm() {
    let mut predictor = PosePredictor::default();
    let mut smoother = PoseSmoother::new(OneEuroOptions::default());
    let times = [
        0.0,
        0.0,
        1.0,
        0.5,
        f64::NAN,
        1e300,
        1e300,
        -5.0,
        f64::INFINITY,
        2.0,
    ];
    let values = [0.0, 1e9, f64::NAN, -1e308, f64::INFINITY, 3.0];
    for time in times {
        for value in values {
            for by in [0.0, f64::NAN, 1e9, -1.0] {
                let points = [vec![[value, 1.0]], vec![[1.0, value], [2.0, 2.0]]];
                let ahead = predictor.frame(time, &KEY(), &points, by);
                let smooth = smoother.frame(time, &KEY(), &points);
                let all = ahead
                    .points
                    .iter()
                    .chain(&smooth.points)
                    .flatten()
                    .flatten()
                    .flatten();
                assert!(all.copied().all(f64::is_finite));
            }
        }
    }
}

#[test]
fn memory_is_bounded() {
    let mut predictor = PosePredictor::default();
    for name in 0..2_000 {
        let keys = [Some(name.to_string())];
        predictor.frame(0.0, &keys, &[vec![[1.0, 1.0]]], 0.0);
    }
    assert!(format!("{predictor:?}").len() < 1 << 20);
}

#[test]
fn an_instance_without_a_key_stays_as_it_is() {
    let mut predictor = PosePredictor::default();
    let points = [vec![[1.0, 2.0], [f64::NAN, 0.0]]];
    for time in [0.0, 0.1, 0.2] {
        let derived = predictor.frame(time, &[None], &points, 0.5);
        assert_eq!(derived.points, [[Some([1.0, 2.0]), None]]);
        assert_eq!(derived.sd, [[None, None]]);
    }
}

#[test]
fn a_node_at_rest_is_calmed_and_a_fast_one_follows() {
    let mut smoother = PoseSmoother::new(OneEuroOptions::default());
    let mut worst: f64 = 0.0;
    for step in 0..100 {
        let noise = if step % 2 == 0 { 1.0 } else { -1.0 };
        let derived = smoother.frame(0.02 * f64::from(step), &KEY(), &[vec![[noise, 0.0]]]);
        if step > 20 {
            worst = worst.max(x(&derived).unwrap().abs());
        }
    }
    assert!(worst < 0.6, "{worst}");
    let mut last = 0.0;
    for step in 100..150 {
        let at = 10.0 * f64::from(step - 100);
        let derived = smoother.frame(0.02 * f64::from(step), &KEY(), &[vec![[at, 0.0]]]);
        last = at - x(&derived).unwrap();
    }
    assert!(last < 10.0, "{last} pixels behind at 500 pixels a second");
}

#[test]
fn options_of_the_smoother_have_ranges() {
    let usual = OneEuroOptions::default();
    usual.check().unwrap();
    assert!(
        OneEuroOptions {
            min_cutoff: 0.0,
            ..usual
        }
        .check()
        .is_err()
    );
    assert!(
        OneEuroOptions {
            beta: f64::NAN,
            ..usual
        }
        .check()
        .is_err()
    );
}
