//! What the policies promise, scene by scene.

use std::time::Duration;

use super::{Fate, MS, SimConfig, SimOutcome, percentile, run};

/// Numbers that are the same in every run.
fn scattered(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1u64 << 53) as f64
    }
}

#[track_caller]
fn accounts_are_square(outcome: &SimOutcome) {
    assert_eq!(
        outcome.captured,
        outcome.poses.len() as u64 + outcome.dropped
    );
    assert!(
        outcome.ids().is_sorted(),
        "poses come in the order of frames"
    );
}

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
    assert!(outcome.most <= 4, "{} under way", outcome.most);
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
    // 100 ms a frame at 30 frames per second, and nobody to make them smaller.
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
    assert!(outcome.most <= 6, "{} under way", outcome.most);
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
        assert!(outcome.most <= 16, "{} under way", outcome.most);
    }
}

#[test]
fn a_file_far_away_fills_the_way() {
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
    assert!(outcome.most <= 2, "{} under way", outcome.most);
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
    assert!(outcome.most <= 64, "{} under way", outcome.most);
}

/// Seconds since the start.
const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

#[test]
fn a_live_stream_outlives_a_worker_that_answers_nothing_for_a_while() {
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
    let [told] = outcome.told[..] else {
        panic!("told {:?}", outcome.told);
    };
    assert!(told > s(20) && told < s(21), "{told:?}");
    // It is sent little meanwhile, and newer frames all the time.
    let lost = outcome.unanswered.count();
    assert!((4..40).contains(&lost), "{}", outcome.unanswered);
    assert_eq!(outcome.given_up, lost);
    // What was sent last before it answers again is overdue after ten seconds more.
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
fn a_stream_ends_where_nothing_is_answered_for_too_long() {
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
        assert_eq!(outcome.told.len(), 1);
        let lasted = outcome.lasted;
        assert!(lasted > s(65) && lasted < s(77), "{lasted:?}");
        // A file's frames are waited for, a camera's are not.
        assert_eq!(outcome.given_up == 0, is_file, "{}", outcome.given_up);
        assert!(outcome.unanswered.count() < 60, "{}", outcome.unanswered);
    }
}

#[test]
fn a_stream_that_waits_for_nothing_ends_when_the_first_answer_is_overdue() {
    let config = SimConfig {
        fate: |_, _| Fate::Lost,
        result_timeout: Duration::ZERO,
        ..SimConfig::camera()
    };
    let outcome = run(&config);
    assert!(outcome.is_broken_off && outcome.told.is_empty());
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
    assert_eq!(outcome.told.len(), 1, "{:?}", outcome.told);
    // Late answers are taken, of those that were given up in the beginning too.
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
        assert_eq!(outcome.told.len(), 1, "{:?}", outcome.told);
        assert_eq!(outcome.unanswered.count(), 0);
        accounts_are_square(&outcome);
    }
}

#[test]
fn frames_that_the_worker_passes_over_hold_no_places_and_are_named() {
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
    assert!(outcome.told.is_empty() && !outcome.is_broken_off);
    assert!(outcome.per_second() > 29.0, "{}", outcome.per_second());
    let file = SimConfig {
        fate,
        service: |_| 100 * MS,
        frames: 1000,
        ..SimConfig::file()
    };
    let outcome = run(&file);
    assert!(outcome.told.is_empty() && !outcome.is_broken_off);
    assert_eq!(
        outcome.unanswered.to_string(),
        "50, 150, 250, 350, 450, 550, 650, 750, 850, 950"
    );
    assert_eq!(outcome.poses.len(), 990);
    assert!(outcome.per_second() > 9.5, "{}", outcome.per_second());
}

#[test]
fn answers_that_cannot_be_read_free_their_places_at_once_and_answer_nothing() {
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
        let told: Vec<u64> = outcome.told.iter().map(Duration::as_secs).collect();
        assert_eq!(told, [10]);
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
    assert!(outcome.told.is_empty() && !outcome.is_broken_off);
    assert_eq!(outcome.unanswered.count(), 0);
    assert!(outcome.poses.len() >= 5, "{} poses", outcome.poses.len());
}

#[test]
fn one_lost_answer_of_a_frame_a_minute_ends_nothing_and_two_do() {
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
    assert_eq!((outcome.told.len(), outcome.poses.len()), (2, 8));
    assert_eq!(outcome.unanswered.to_string(), "3, 7");
    let outcome = run(&config(|id, _| match id {
        0..3 => Fate::Answered,
        _ => Fate::Lost,
    }));
    assert!(outcome.is_broken_off);
    assert_eq!(outcome.unanswered.to_string(), "3-4");
}
