//! Results that are missing.

use std::time::Duration;

use super::{accounts_are_square, run};
use crate::sim::MS;
use crate::sim::config::{Fate, SimConfig};
use crate::sim::outcome::percentile;

/// Seconds since the start.
const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_live_stream_outlives_a_worker_that_returns_nothing_for_a_while() {
    let config = SimConfig {
        fate: |_, at| match at.as_secs() {
            10..40 => Fate::Lost,
            _ => Fate::Answered,
        },
        frames: 30 * 90,
        ..SimConfig::camera()
    };
    let outcome = run(&config);
    assert!(!outcome.is_broken_off);
    let [reported] = outcome.reported[..] else {
        panic!("told {:?}", outcome.reported);
    };
    assert!(reported > s(20) && reported < s(21), "{reported:?}");
    // It is sent little meanwhile, and newer frames all the time.
    let lost = outcome.unanswered.count();
    assert!((4..40).contains(&lost), "{}", outcome.unanswered);
    assert_eq!(outcome.given_up, lost);
    // What was sent last before results come again is overdue after ten seconds more.
    let after = outcome.poses.iter().filter(|pose| pose.1 > s(52));
    let after: Vec<Duration> = after.map(|pose| pose.2).collect();
    assert!(after.len() > 37 * 29, "{} poses", after.len());
    assert!(percentile(after, 0.95) <= config.pure() + 5 * MS);
    assert_eq!(
        outcome.captured,
        outcome.poses.len() as u64 + outcome.dropped + lost
    );
}

#[test]
fn a_stream_ends_where_no_result_comes_for_too_long() {
    for config in [SimConfig::camera(), SimConfig::file()] {
        let is_file = config.interval.is_none();
        let config = SimConfig {
            fate: |_, at| match at.as_secs() {
                0..5 => Fate::Answered,
                _ => Fate::Lost,
            },
            service: |_| 30 * MS,
            frames: 30_000,
            ..config
        };
        let outcome = run(&config);
        assert!(outcome.is_broken_off);
        assert_eq!(outcome.reported.len(), 1);
        let lasted = outcome.lasted;
        assert!(lasted > s(65) && lasted < s(77), "{lasted:?}");
        // A file's frames are waited for, a camera's are not.
        assert_eq!(outcome.given_up == 0, is_file, "{}", outcome.given_up);
        assert!(outcome.unanswered.count() < 60, "{}", outcome.unanswered);
    }
}

#[test]
fn a_stream_that_waits_for_nothing_ends_when_the_first_result_is_overdue() {
    let config = SimConfig {
        fate: |_, _| Fate::Lost,
        result_timeout: Duration::ZERO,
        ..SimConfig::camera()
    };
    let outcome = run(&config);
    assert!(outcome.is_broken_off && outcome.reported.is_empty());
    assert!(outcome.lasted < s(11), "{:?}", outcome.lasted);
}

#[test]
fn a_slow_worker_is_waited_for_and_sets_the_deadline() {
    let config = SimConfig {
        service: |_| s(15),
        frames: 30 * 300,
        ..SimConfig::camera()
    };
    let outcome = run(&config);
    assert!(!outcome.is_broken_off);
    assert_eq!(outcome.reported.len(), 1, "{:?}", outcome.reported);
    // Late results are taken, of those that were given up in the beginning too.
    assert_eq!(outcome.unanswered.count(), 0);
    assert!(outcome.given_up <= 2, "{}", outcome.given_up);
    assert!(outcome.poses.len() >= 19, "{} poses", outcome.poses.len());
    accounts_are_square(&outcome);
}

#[test]
fn a_worker_that_builds_its_engine_at_the_first_frame_is_waited_for() {
    for config in [SimConfig::camera(), SimConfig::file()] {
        let config = SimConfig {
            stops: vec![(Duration::ZERO, s(50))],
            frames: 3000,
            ..config
        };
        let outcome = run(&config);
        assert!(!outcome.is_broken_off);
        assert_eq!(outcome.reported.len(), 1, "{:?}", outcome.reported);
        assert_eq!(outcome.unanswered.count(), 0);
        accounts_are_square(&outcome);
    }
}

#[test]
fn frames_that_the_worker_leaves_out_hold_no_slots_and_are_named() {
    let fate = |id, _| match id % 100 {
        50 => Fate::Lost,
        _ => Fate::Answered,
    };
    let camera = SimConfig {
        fate,
        frames: 30 * 120,
        ..SimConfig::camera()
    };
    let outcome = run(&camera);
    assert!(outcome.reported.is_empty() && !outcome.is_broken_off);
    assert!(outcome.per_second() > 29.0, "{}", outcome.per_second());
    let file = SimConfig {
        fate,
        service: |_| 100 * MS,
        frames: 1000,
        ..SimConfig::file()
    };
    let outcome = run(&file);
    assert!(outcome.reported.is_empty() && !outcome.is_broken_off);
    assert_eq!(
        outcome.unanswered.to_string(),
        "50, 150, 250, 350, 450, 550, 650, 750, 850, 950"
    );
    assert_eq!(outcome.poses.len(), 990);
    assert!(outcome.per_second() > 9.5, "{}", outcome.per_second());
}

#[test]
fn results_that_cannot_be_read_free_their_slots_at_once_and_do_not_count() {
    for frames in [30 * 30, 30 * 3000] {
        let config = SimConfig {
            fate: |_, _| Fate::Damaged,
            frames,
            ..SimConfig::camera()
        };
        let outcome = run(&config);
        // Frames flow meanwhile.
        assert_eq!(outcome.sent, outcome.captured - outcome.dropped);
        assert_eq!(outcome.unanswered.count(), outcome.sent);
        assert!(
            outcome.sent > 20 * outcome.lasted.as_secs(),
            "{}",
            outcome.sent
        );
        let reported: Vec<u64> = outcome.reported.iter().map(Duration::as_secs).collect();
        assert_eq!(reported, [10]);
        assert_eq!(outcome.is_broken_off, frames > 30 * 30);
        assert!(outcome.lasted < s(62), "{:?}", outcome.lasted);
    }
}

#[test]
fn a_slow_link_is_not_the_workers_silence() {
    // 100 s a frame.
    let config = SimConfig {
        bytes: 6e6,
        rate: 60e3,
        frames: 30 * 600,
        ..SimConfig::camera()
    };
    let outcome = run(&config);
    assert!(outcome.reported.is_empty() && !outcome.is_broken_off);
    assert_eq!(outcome.unanswered.count(), 0);
    assert!(outcome.poses.len() >= 5, "{} poses", outcome.poses.len());
}

#[test]
fn one_lost_result_of_a_frame_a_minute_ends_nothing_and_two_do() {
    let config = |fate| SimConfig {
        interval: Some(s(60)),
        frames: 10,
        fate,
        ..SimConfig::camera()
    };
    let outcome = run(&config(|id, _| match id {
        3 | 7 => Fate::Lost,
        _ => Fate::Answered,
    }));
    assert!(!outcome.is_broken_off);
    assert_eq!((outcome.reported.len(), outcome.poses.len()), (2, 8));
    assert_eq!(outcome.unanswered.to_string(), "3, 7");
    let outcome = run(&config(|id, _| match id {
        0..3 => Fate::Answered,
        _ => Fate::Lost,
    }));
    assert!(outcome.is_broken_off);
    assert_eq!(outcome.unanswered.to_string(), "3-4");
}
