//! A file: every frame counts.

use super::run;
use crate::sim::MS;
use crate::sim::config::SimConfig;

#[test]
fn a_file_passes_every_frame_once_and_in_order_at_the_workers_speed() {
    for (service, least) in [(100u32, 9.5), (5, 190.0)] {
        let config = SimConfig {
            service: match service {
                100 => |_| 100 * MS,
                _ => |_| 5 * MS,
            },
            frames: 600,
            ..SimConfig::file()
        };
        let outcome = run(&config);
        assert_eq!(outcome.ids(), (0..600).collect::<Vec<_>>());
        assert_eq!(outcome.dropped, 0);
        assert!(outcome.per_second() > least, "{}", outcome.per_second());
        assert!(outcome.most <= 16, "{} in flight", outcome.most);
    }
}

#[test]
fn a_file_far_away_fills_the_path() {
    let config = SimConfig {
        service: |_| 2 * MS,
        bytes: 25e3,
        rate: 125e6,
        delay: 50 * MS,
        frames: 6000,
        ..SimConfig::file()
    };
    let outcome = run(&config);
    assert!(
        outcome.per_second() > 0.9 * 500.0,
        "{}",
        outcome.per_second()
    );
}

#[test]
fn a_file_of_large_frames_is_bounded_by_bytes() {
    let config = SimConfig {
        bytes: 25e6,
        rate: 1e9,
        delay: 50 * MS,
        frames: 60,
        ..SimConfig::file()
    };
    let outcome = run(&config);
    assert_eq!(outcome.ids(), (0..60).collect::<Vec<_>>());
    assert!(outcome.most <= 2, "{} in flight", outcome.most);
}

#[test]
fn a_file_survives_stalls_and_stops() {
    let config = SimConfig {
        stalls: vec![(1_000 * MS, 3_000 * MS), (4_000 * MS, 4_100 * MS)],
        stops: vec![(2_000 * MS, 9_000 * MS)],
        frames: 1000,
        ..SimConfig::file()
    };
    let outcome = run(&config);
    assert_eq!(outcome.ids(), (0..1000).collect::<Vec<_>>());
    assert!(outcome.most <= 64, "{} in flight", outcome.most);
}
