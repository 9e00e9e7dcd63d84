//! A camera whose frames adapt to the link.

use std::time::Duration;

use super::{accounts_are_square, run, scattered};
use crate::sim::MS;
use crate::sim::config::SimConfig;
use crate::sim::outcome::percentile;

/// 1% loss at 50 ms: a window of about a dozen packets a round trip, a hundred milliseconds for
/// each lost one, and now and then a second for one that is lost twice.
fn lossy() -> SimConfig {
    let mut scattered = scattered(7);
    let mut stalls = Vec::new();
    let mut at = Duration::from_secs(1);
    while at < Duration::from_secs(60) {
        at += Duration::from_secs_f64(0.05 + 0.4 * scattered());
        let takes = match scattered() {
            rare if rare < 0.02 => 1000 * MS,
            _ => 80 * MS,
        };
        stalls.push((at, at + takes));
        at += takes;
    }
    SimConfig {
        bytes: 28e3,
        rate: 500e3,
        delay: 25 * MS,
        stalls,
        service: |_| 5 * MS,
        target: Some(300 * MS),
        frames: 1800,
        ..SimConfig::camera()
    }
}

#[test]
fn adaptation_holds_age_and_rate_on_a_narrow_link() {
    let config = SimConfig {
        bytes: 250e3,
        rate: 2.5e6,
        delay: 10 * MS,
        target: Some(200 * MS),
        ..SimConfig::camera()
    };
    let outcome = run(&config);
    accounts_are_square(&outcome);
    assert!(outcome.age(0.95) < 200 * MS, "{:?}", outcome.age(0.95));
    assert!(
        outcome.per_second() >= 25.0,
        "{} {:?}",
        outcome.per_second(),
        outcome.setting
    );
    let setting = outcome.setting.unwrap();
    assert!(setting.size >= 70 && setting.rate == 100, "{setting}");
}

#[test]
fn a_very_narrow_link_costs_size_and_rate_too_but_poses_stay_young() {
    // 500 kbit/s: a full frame would take four seconds.
    let config = SimConfig {
        bytes: 250e3,
        rate: 62.5e3,
        delay: 20 * MS,
        target: Some(400 * MS),
        frames: 3600,
        ..SimConfig::camera()
    };
    let outcome = run(&config);
    let settled: Vec<_> = outcome
        .poses
        .iter()
        .filter(|pose| pose.1.as_secs() > 30)
        .collect();
    let ages = settled.iter().map(|pose| pose.2).collect();
    assert!(percentile(ages, 0.95) < 400 * MS);
    assert!(settled.len() > 90 * 2, "{} poses in 90 s", settled.len());
    assert!(outcome.setting.unwrap().size <= 50, "{:?}", outcome.setting);
}

#[test]
fn adaptation_holds_age_and_rate_on_a_lossy_link() {
    let outcome = run(&lossy());
    accounts_are_square(&outcome);
    assert!(
        outcome.age(0.95) <= 300 * MS,
        "{:?} {:?}",
        outcome.age(0.95),
        outcome.setting
    );
    assert!(
        outcome.per_second() >= 20.0,
        "{} {:?}",
        outcome.per_second(),
        outcome.setting
    );
}
