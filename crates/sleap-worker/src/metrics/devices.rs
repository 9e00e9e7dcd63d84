//! Metrics of the devices that run the model.

use std::sync::OnceLock;

use anyhow::Result;
use metrics_server::MetricBuilder;
use prometheus::{IntCounter, IntCounterVec, IntGauge, IntGaugeVec};

/// The device's place in `--device`, from 0, and its name there.
const LABELS: [&str; 2] = ["number", "device"];

/// A series for each device.
pub(super) struct DeviceMetrics {
    frames: IntCounterVec,
    failures: IntCounterVec,
    in_use: IntGaugeVec,
    /// Once the model is loaded, in the order of the devices.
    devices: OnceLock<Vec<DeviceSeries>>,
}

struct DeviceSeries {
    frames: IntCounter,
    failures: IntCounter,
    in_use: IntGauge,
}

impl DeviceMetrics {
    /// Without devices.
    ///
    /// # Errors
    /// A name that is malformed, or that two metrics share.
    pub(super) fn new(on: &MetricBuilder<'_>) -> Result<Self> {
        Ok(Self {
            frames: on.counters_of(
                "device_frames_total",
                "Frames in calls of the model on a device.",
                &LABELS,
            )?,
            failures: on.counters_of(
                "device_failures_total",
                "Calls of the model that failed on a device.",
                &LABELS,
            )?,
            in_use: on.gauges(
                "device_in_use",
                "1 until the device is taken out because it failed in what another one ran.",
                &LABELS,
            )?,
            devices: OnceLock::new(),
        })
    }

    /// The names of what runs the model: devices, or an inference server.
    pub(super) fn set(&self, devices: &[String]) {
        let series = |(number, device): (usize, &String)| {
            let labels = [number.to_string(), device.clone()];
            let in_use = self.in_use.with_label_values(&labels);
            in_use.set(1);
            DeviceSeries {
                frames: self.frames.with_label_values(&labels),
                failures: self.failures.with_label_values(&labels),
                in_use,
            }
        };
        self.devices
            .get_or_init(|| devices.iter().enumerate().map(series).collect());
    }

    /// A call with so many frames.
    pub(super) fn call(&self, device: usize, frames: usize) {
        if let Some(series) = self.of(device) {
            series.frames.inc_by(frames as u64);
        }
    }

    /// A call failed.
    pub(super) fn failed(&self, device: usize) {
        if let Some(series) = self.of(device) {
            series.failures.inc();
        }
    }

    /// The device is taken out.
    pub(super) fn is_out(&self, device: usize) {
        if let Some(series) = self.of(device) {
            series.in_use.set(0);
        }
    }

    fn of(&self, device: usize) -> Option<&DeviceSeries> {
        self.devices.get()?.get(device)
    }
}
