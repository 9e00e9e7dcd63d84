//! `--metrics`: what the client counts, in the form that Prometheus reads.
//!
//! The times of a frame are counted with its result. All other numbers are those of the report, taken over as
//! often as progress is reported: they are 0.2 s old at most.

mod counters;
mod server;

use std::sync::Arc;

use tracks::TrackCensus;

use crate::report::run_report::RunReport;
use crate::send::in_flight::ReturnedFrame;
use counters::Counters;

pub(crate) use server::serve;

/// The client's counts; clones count together. The default one counts nothing.
#[derive(Clone, Default)]
pub(crate) struct Metrics(Option<Arc<Counters>>);

impl Metrics {
    /// Whether anything is counted.
    pub(crate) fn are_counted(&self) -> bool {
        self.0.is_some()
    }

    /// A result came, be it an error.
    pub(crate) fn returned(&self, returned: &ReturnedFrame) {
        self.count(|it| it.times.observe(&returned.latency));
    }

    /// The report and the tracks as they are now.
    pub(crate) fn report(&self, report: &RunReport, tracks: Option<&TrackCensus>) {
        let tracks = tracks.map(TrackCensus::counts);
        self.count(|it| it.set(report, tracks.unwrap_or_default()));
    }

    /// The stream runs; `source` is the name of its source.
    pub(crate) fn begins(&self, source: &str) {
        self.count(|it| it.begins(source));
    }

    /// A rule has taken effect, or ceased to.
    pub(crate) fn rule_event(&self) {
        self.count(|it| it.rule_events.inc());
    }

    fn count(&self, change: impl FnOnce(&Counters)) {
        if let Some(counters) = &self.0 {
            change(counters);
        }
    }
}
