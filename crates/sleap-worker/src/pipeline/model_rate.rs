//! How many frames a second the model can run, as its calls show. No clock.

use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::failover::DeviceNumber;

/// Busy seconds of a device after which a call counts for a third of a new one.
const MEMORY: f64 = 5.0;

/// Sizes of batches that are told apart: 1, 2 to 3, 4 to 7, and so on.
const SIZES: usize = 11;

/// Calls of a size before its rate is taken for one: the first are slower.
const MIN_CALLS: f64 = 3.0;

/// The rate of the model on all devices; clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct ModelRate(Arc<Mutex<DeviceRates>>);

#[derive(Debug)]
struct DeviceRates(Vec<DeviceRate>);

/// The calls of a device.
#[derive(Debug, Clone, Default)]
struct DeviceRate {
    sizes: [SizeRate; SIZES],
    /// When its last call ended.
    last_end: Option<Instant>,
    is_out: bool,
}

/// The calls with batches of about one size; each counts for less as others follow.
#[derive(Debug, Clone, Copy, Default)]
struct SizeRate {
    calls: f64,
    frames: f64,
    seconds: f64,
}

impl ModelRate {
    /// Of a model on so many devices, before its first call.
    pub(super) fn new(devices: usize) -> Self {
        let rates = vec![DeviceRate::default(); devices];
        Self(Arc::new(Mutex::new(DeviceRates(rates))))
    }

    /// A device was busy with a call of so many frames.
    pub(super) fn call(&self, device: DeviceNumber, frames: usize, time: Range<Instant>) {
        self.change(device, |it| it.call(frames, time));
    }

    /// A device takes no calls any more.
    pub(super) fn device_is_out(&self, device: DeviceNumber) {
        self.change(device, |it| it.is_out = true);
    }

    /// Frames a second of all devices, with the batches that bring most; `None` before enough calls.
    pub(crate) fn frames_per_second(&self) -> Option<f64> {
        let rates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        rates.frames_per_second()
    }

    fn change(&self, device: DeviceNumber, change: impl FnOnce(&mut DeviceRate)) {
        // The lock was poisoned by a panic; sums of numbers are still valid.
        let mut rates = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(device) = rates.0.get_mut(device) {
            change(device);
        }
    }
}

impl DeviceRates {
    fn frames_per_second(&self) -> Option<f64> {
        let in_use = self.0.iter().filter(|device| !device.is_out);
        let count = in_use.clone().count();
        let measured: Vec<f64> = in_use.filter_map(DeviceRate::frames_per_second).collect();
        // A device that had no calls yet counts as one of the others.
        let mean = measured.iter().sum::<f64>() / measured.len() as f64;
        (!measured.is_empty()).then_some(mean * count as f64)
    }
}

impl DeviceRate {
    fn call(&mut self, frames: usize, time: Range<Instant>) {
        // A server runs calls at the same time: together they count for as long as it is busy.
        let begin = self.last_end.map_or(time.start, |end| end.max(time.start));
        let took: Duration = time.end.saturating_duration_since(begin);
        self.last_end = self.last_end.max(Some(time.end));
        let keeps = (-took.as_secs_f64() / MEMORY).exp();
        for size in &mut self.sizes {
            size.calls *= keeps;
            size.frames *= keeps;
            size.seconds *= keeps;
        }
        let index = frames.max(1).ilog2() as usize;
        let size = &mut self.sizes[index.min(SIZES - 1)];
        size.calls += 1.0;
        size.frames += frames as f64;
        size.seconds += took.as_secs_f64();
    }

    fn frames_per_second(&self) -> Option<f64> {
        // Of a slow model few calls are remembered.
        let all: f64 = self.sizes.iter().map(|size| size.calls).sum();
        let enough = MIN_CALLS.min(0.9 * all);
        let is_known = |size: &&SizeRate| size.seconds > 0.0 && size.calls >= enough;
        let known = self.sizes.iter().filter(is_known);
        known
            .map(|size| size.frames / size.seconds)
            .reduce(f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn calls(rate: &ModelRate, device: DeviceNumber, (count, frames, took): (u32, usize, u64)) {
        // After all that it has had before.
        let last = rate.0.lock().unwrap().0[device].last_end;
        let mut now = last.unwrap_or_else(Instant::now);
        for _ in 0..count {
            let end = now + ms(took);
            rate.call(device, frames, now..end);
            now = end;
        }
    }

    fn is_about(rate: &ModelRate, expected: f64) {
        let found = rate.frames_per_second().expect("calls were measured");
        assert!(
            (found / expected - 1.0).abs() < 0.05,
            "{found}, not {expected}"
        );
    }

    #[test]
    fn the_rate_is_that_of_calls_and_follows_them() {
        let rate = ModelRate::new(1);
        assert_eq!(rate.frames_per_second(), None);
        calls(&rate, 0, (50, 1, 5));
        is_about(&rate, 200.0);
        // Another program takes half of the machine: 20 busy seconds later nothing of before counts.
        calls(&rate, 0, (2000, 1, 10));
        is_about(&rate, 100.0);
        // A model of 3 seconds a frame is measured, too.
        let slow = ModelRate::new(1);
        calls(&slow, 0, (1, 1, 3000));
        is_about(&slow, 1.0 / 3.0);
    }

    #[test]
    fn the_size_of_batches_that_brings_most_counts() {
        let rate = ModelRate::new(1);
        calls(&rate, 0, (20, 1, 4));
        is_about(&rate, 250.0);
        calls(&rate, 0, (20, 8, 10));
        is_about(&rate, 800.0);
        calls(&rate, 0, (20, 1, 4));
        is_about(&rate, 800.0);
    }

    #[test]
    fn calls_at_the_same_time_count_for_as_long_as_the_server_is_busy() {
        let rate = ModelRate::new(1);
        let start = Instant::now();
        // Four requests, of which one ends every 5 ms.
        for call in 0..100 {
            let end = start + ms(20 + 5 * call);
            rate.call(0, 1, end - ms(20)..end);
        }
        is_about(&rate, 200.0);
        // Without others, a call counts as a whole.
        let alone = ModelRate::new(1);
        for call in 0..20 {
            let begin = start + ms(1000 * call);
            alone.call(0, 1, begin..begin + ms(20));
        }
        is_about(&alone, 50.0);
    }

    #[test]
    fn devices_add_up_until_one_is_out() {
        let rate = ModelRate::new(3);
        calls(&rate, 0, (10, 1, 10));
        is_about(&rate, 300.0);
        calls(&rate, 1, (10, 1, 5));
        is_about(&rate, 450.0);
        calls(&rate, 2, (10, 1, 5));
        is_about(&rate, 500.0);
        rate.device_is_out(1);
        is_about(&rate, 300.0);
    }
}
