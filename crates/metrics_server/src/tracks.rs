//! Metrics of tracks, which both programs have.

use anyhow::Result;
use prometheus::{IntCounter, IntGauge};

use crate::builder::MetricBuilder;

/// Metrics of tracks, whichever side gives them.
pub struct TrackMetrics {
    /// Those of now.
    pub alive: IntGauge,
    /// Those that began.
    pub begun: IntCounter,
    /// How often one was lost.
    pub lost: IntCounter,
}

impl TrackMetrics {
    /// All at zero.
    ///
    /// # Errors
    /// A metric has the name already.
    pub fn new(on: &MetricBuilder<'_>) -> Result<Self> {
        Ok(Self {
            alive: on.gauge(
                "tracks_alive",
                "Tracks that an animal had within the last 30 predictions.",
            )?,
            begun: on.counter("tracks_begun_total", "Tracks that began.")?,
            lost: on.counter(
                "tracks_lost_total",
                "Tracks that no animal had in 30 predictions; they may be found again.",
            )?,
        })
    }
}
