use super::*;

/// A camera whose clock drifts, with the moments at which its frames are taken and arrive.
struct Rig {
    start: Instant,
    /// Seconds of drift per second.
    drift: f64,
    /// What the camera's clock shows at `start`, nanoseconds.
    shown: u64,
}

impl Rig {
    fn new(drift: f64) -> Rig {
        Rig {
            start: Instant::now(),
            drift,
            shown: 7_000_000_000_000,
        }
    }

    fn device(&self, at: f64) -> u64 {
        self.shown + (at * (1.0 + self.drift) * 1e9) as u64
    }

    fn host(&self, at: f64) -> Instant {
        self.start + Duration::from_secs_f64(at)
    }

    /// The age that the clock gives a frame that was taken at this second and took so long.
    fn age(&self, clock: &mut DeviceClock, taken: f64, took: f64) -> f64 {
        let age = clock.age(self.device(taken), self.host(taken + took));
        age.as_secs_f64()
    }
}

/// A delay that is 5 ms at least and often more.
fn delay(index: u32) -> f64 {
    let spread = f64::from(index.wrapping_mul(2_654_435_761) >> 16) / 65_536.0;
    0.005 + spread * spread * 0.02
}

#[test]
fn without_a_reading_the_fastest_frame_is_taken_to_take_no_time() {
    for drift in [0.0, 80e-6, -80e-6] {
        let rig = Rig::new(drift);
        let mut clock = DeviceClock::default();
        for index in 0..3000 {
            let took = delay(index);
            let age = rig.age(&mut clock, f64::from(index) / 30.0, took);
            // After the first seconds the drift is known.
            if index > 300 {
                assert!(
                    (age - (took - 0.005)).abs() < 0.001,
                    "{index}: {age} {took}"
                );
            }
        }
    }
}

#[test]
fn with_a_reading_the_whole_time_is_known() {
    for drift in [0.0, 50e-6, -50e-6] {
        let rig = Rig::new(drift);
        let reading = ClockReading {
            device: rig.device(0.5),
            host: rig.host(0.5),
        };
        let mut clock = DeviceClock::new(Some(reading));
        for index in 0..3000 {
            let took = delay(index);
            let age = rig.age(&mut clock, 1.0 + f64::from(index) / 30.0, took);
            assert!((age - took).abs() < 0.0015, "{index}: {age} {took}");
        }
    }
}

#[test]
fn a_reading_of_another_clock_is_left_out() {
    let rig = Rig::new(0.0);
    for device in [0, u64::MAX, rig.device(100.0)] {
        let host = rig.host(0.0);
        let mut clock = DeviceClock::new(Some(ClockReading { device, host }));
        assert_eq!(rig.age(&mut clock, 1.0, 0.01), 0.0);
    }
}

#[test]
fn a_clock_that_begins_anew_is_fitted_anew() {
    let rig = Rig::new(0.0);
    let mut clock = DeviceClock::default();
    for index in 0..300 {
        rig.age(&mut clock, f64::from(index) / 30.0, delay(index));
    }
    let restarted = Rig {
        shown: 1_000_000,
        start: rig.host(60.0),
        drift: 0.0,
    };
    assert_eq!(restarted.age(&mut clock, 0.0, 0.005), 0.0);
    let age = restarted.age(&mut clock, 0.1, 0.012);
    assert!((age - 0.007).abs() < 1e-6, "{age}");
}

#[test]
fn impossible_stamps_give_no_impossible_ages() {
    let now = Instant::now();
    let mut clock = DeviceClock::default();
    for device in [u64::MAX, 0, 5, 5, u64::MAX, 1 << 63, 1, u64::MAX - 1] {
        let age = clock.age(device, now);
        assert!(age < Duration::from_secs(20), "{device}: {age:?}");
    }
}

#[test]
fn a_long_run_keeps_a_bounded_number_of_points() {
    let rig = Rig::new(20e-6);
    let mut clock = DeviceClock::default();
    for index in 0..7200 {
        rig.age(&mut clock, f64::from(index), delay(index));
    }
    assert_eq!(clock.fit.unwrap().points.len(), MAX_POINTS);
}
