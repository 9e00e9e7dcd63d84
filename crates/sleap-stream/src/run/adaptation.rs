//! The controller of a live stream's frames, and its way to the encoder.

use std::time::{Duration, Instant};

use protocol::Timing;
use tokio::sync::watch;

use crate::send::adapt::{Adapter, Sample, Setting};
use crate::send::in_flight::Arrived;
use crate::send::pipeline::Stages;

/// The controller of a live stream's frames, and its way to the encoder.
pub(crate) struct Adaptation {
    pub(crate) adapter: Adapter,
    pub(crate) settings: watch::Sender<Setting>,
}

impl Adaptation {
    /// How frames leave at present.
    pub(crate) fn setting(&self) -> Setting {
        self.adapter.setting()
    }

    /// Takes an answer in; the new setting where it changes.
    pub(crate) fn answered(
        &mut self,
        arrived: &Arrived,
        timing: &Timing,
        stages: &Stages,
    ) -> Option<Setting> {
        let sample = Sample {
            taken: arrived.taken,
            age: Duration::from_micros(arrived.latency.age()),
            link: arrived.latency.link(),
            receive: Duration::from_micros(timing.receive_us.unwrap_or_default()),
        };
        let setting = self.adapter.answered(sample, Instant::now())?;
        tracing::info!(%setting, age_ms = sample.age.as_millis(), "frames adapted to the link");
        self.settings.send_replace(setting);
        stages.set_pause(self.adapter.pause());
        Some(setting)
    }
}
