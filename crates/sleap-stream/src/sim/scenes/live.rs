//! A camera, without adaptation.

use std::time::Duration;

use super::{accounts_are_square, run};
use crate::sim::MS;
use crate::sim::config::SimConfig;
use crate::sim::outcome::percentile;

#[test]
fn a_worker_that_keeps_up_gives_poses_of_no_more_than_their_cost() {
    let config = SimConfig::camera();
    let outcome = run(&config);
    accounts_are_square(&outcome);
    assert_eq!(outcome.dropped, 0);
    let over = |share| outcome.age(share).saturating_sub(config.pure());
    assert!(
        over(0.5) <= 2 * MS && over(0.95) <= 5 * MS,
        "{:?} {:?}",
        over(0.5),
        over(0.95)
    );
}

#[test]
fn a_worker_that_just_keeps_up_gets_every_frame() {
    let config = SimConfig {
        service: |_| 30 * MS,
        ..SimConfig::camera()
    };
    let outcome = run(&config);
    assert_eq!(outcome.dropped, 0);
    assert!(
        outcome.age(0.95) <= config.pure() + 5 * MS,
        "{:?}",
        outcome.age(0.95)
    );
}

#[test]
fn a_worker_three_times_slower_than_the_camera_gets_fresh_frames_and_is_kept_busy() {
    let config = SimConfig {
        service: |_| 100 * MS,
        ..SimConfig::camera()
    };
    let outcome = run(&config);
    accounts_are_square(&outcome);
    assert!(
        outcome.age(0.95) <= 2 * 100 * MS + 10 * MS,
        "{:?}",
        outcome.age(0.95)
    );
    assert!(
        outcome.per_second() > 0.93 * 10.0,
        "{}",
        outcome.per_second()
    );
    assert!(outcome.most <= 4, "{} in flight", outcome.most);
}

#[test]
fn a_slow_worker_far_away_is_kept_busy_as_well() {
    let config = SimConfig {
        service: |_| 60 * MS,
        delay: 50 * MS,
        ..SimConfig::camera()
    };
    let outcome = run(&config);
    assert!(
        outcome.per_second() > 0.9 / 0.060,
        "{}",
        outcome.per_second()
    );
    let allowed = config.pure() + 33 * MS + 15 * MS;
    assert!(outcome.age(0.95) <= allowed, "{:?}", outcome.age(0.95));
}

#[test]
fn a_far_worker_that_keeps_up_loses_no_frame() {
    let config = SimConfig {
        delay: 75 * MS,
        ..SimConfig::camera()
    };
    let outcome = run(&config);
    assert!(outcome.dropped <= 15, "{} at the start", outcome.dropped);
    assert!(
        outcome.age(0.95) <= config.pure() + 5 * MS,
        "{:?}",
        outcome.age(0.95)
    );
}

#[test]
fn a_model_that_changes_its_pace_is_followed() {
    let config = SimConfig {
        service: |at| match at.as_secs() {
            10..20 => 100 * MS,
            _ => 10 * MS,
        },
        ..SimConfig::camera()
    };
    let outcome = run(&config);
    let ages = |from: u64, until: u64| {
        let poses = outcome.poses.iter();
        let during = poses.filter(|pose| (from..until).contains(&pose.1.as_secs()));
        during.map(|pose| pose.2).collect::<Vec<_>>()
    };
    let slow = ages(12, 20);
    assert!(
        percentile(slow.clone(), 0.95) <= 210 * MS,
        "{:?}",
        percentile(slow, 0.95)
    );
    let after = ages(22, 30);
    assert!(after.len() > 230, "{} poses in 8 s", after.len());
    assert!(
        percentile(after.clone(), 0.95) <= 20 * MS,
        "{:?}",
        percentile(after, 0.95)
    );
}

#[test]
fn a_narrow_link_never_queues_deep() {
    // 100 ms a frame at 30 frames per second, and nothing that makes them smaller.
    let config = SimConfig {
        bytes: 250e3,
        rate: 2.5e6,
        delay: 10 * MS,
        ..SimConfig::camera()
    };
    let outcome = run(&config);
    accounts_are_square(&outcome);
    assert!(
        outcome.age(0.95) <= config.pure() + 33 * MS + 20 * MS,
        "{:?}",
        outcome.age(0.95)
    );
    assert!(outcome.per_second() > 9.0, "{}", outcome.per_second());
}

#[test]
fn a_burst_of_frames_makes_no_queue() {
    let config = SimConfig {
        burst: 6,
        service: |_| 50 * MS,
        ..SimConfig::camera()
    };
    let outcome = run(&config);
    accounts_are_square(&outcome);
    assert!(
        outcome.age(0.95) <= 2 * 50 * MS + 10 * MS,
        "{:?}",
        outcome.age(0.95)
    );
    assert!(outcome.dropped > 0);
}

#[test]
fn a_worker_that_stops_is_sent_little_and_recovers_at_once() {
    let config = SimConfig {
        stops: vec![(10_000 * MS, 15_000 * MS)],
        ..SimConfig::camera()
    };
    let outcome = run(&config);
    accounts_are_square(&outcome);
    assert!(outcome.most <= 6, "{} in flight", outcome.most);
    let late = outcome
        .poses
        .iter()
        .filter(|pose| pose.2 > 100 * MS)
        .count();
    assert!(late <= 6, "{late} poses of old frames");
    let after = outcome.poses.iter().filter(|pose| pose.1 > 16_000 * MS);
    let after: Vec<Duration> = after.map(|pose| pose.2).collect();
    assert!(after.len() > 13 * 29);
    assert!(percentile(after, 0.95) <= config.pure() + 5 * MS);
    assert!(
        (140..160).contains(&outcome.dropped),
        "{} dropped",
        outcome.dropped
    );
}

#[test]
fn a_stalled_link_leaves_few_old_frames_behind() {
    let config = SimConfig {
        stalls: vec![(10_000 * MS, 12_000 * MS)],
        delay: 25 * MS,
        target: Some(300 * MS),
        ..SimConfig::camera()
    };
    let outcome = run(&config);
    let late = outcome
        .poses
        .iter()
        .filter(|pose| pose.2 > 300 * MS)
        .count();
    assert!(late <= 9, "{late} poses of old frames");
    assert_eq!(outcome.setting.unwrap().size, 100);
}
