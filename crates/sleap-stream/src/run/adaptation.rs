//! The controller of a live stream's frames, and where the encoder gets its setting from.

use std::time::{Duration, Instant};

use protocol::Timing;
use tokio::sync::watch;

use crate::send::adapt::{Adapter, EncodeSetting, LatencySample};
use crate::send::in_flight::ReturnedFrame;
use crate::send::pipeline::SendPipeline;

/// The controller of a live stream's frames, and where the encoder gets its setting from.
pub(crate) struct Adaptation {
    /// Chooses the setting.
    pub(crate) adapter: Adapter,
    /// Where the encoder gets it from.
    pub(crate) settings: watch::Sender<EncodeSetting>,
}

impl Adaptation {
    /// How frames leave at present.
    pub(crate) fn setting(&self) -> EncodeSetting {
        self.adapter.setting()
    }

    /// A result is here; the new setting where it changes.
    pub(crate) fn returned(
        &mut self,
        returned: &ReturnedFrame,
        timing: &Timing,
        pipeline: &SendPipeline,
    ) -> Option<EncodeSetting> {
        let sample = LatencySample {
            taken: returned.taken,
            age: Duration::from_micros(returned.latency.age()),
            link: returned.latency.link(),
            receive: Duration::from_micros(timing.receive_us.unwrap_or_default()),
        };
        let setting = self.adapter.returned(sample, Instant::now())?;
        tracing::info!(%setting, age_ms = sample.age.as_millis(), "frames adapted to the link");
        self.settings.send_replace(setting);
        pipeline.set_pause(self.adapter.pause());
        Some(setting)
    }
}
