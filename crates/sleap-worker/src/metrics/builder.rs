//! Makes metrics and registers them.

use anyhow::Result;
use prometheus::{
    GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry,
};

/// What all names begin with.
const NAMESPACE: &str = "sleap_worker";

/// Makes metrics of one registry, all of them with their first value: a metric that appears with the
/// first event hides that event.
///
/// Each method fails where the name is malformed or in use.
pub(super) struct MetricBuilder<'a>(pub(super) &'a Registry);

impl MetricBuilder<'_> {
    /// A number that only grows.
    pub(super) fn counter(&self, name: &str, help: &str) -> Result<IntCounter> {
        self.registered(IntCounter::with_opts(opts(name, help))?)
    }

    /// One counter for each value of a label.
    pub(super) fn counters(
        &self,
        name: &str,
        help: &str,
        label: &str,
        values: &[&str],
    ) -> Result<IntCounterVec> {
        let counters = self.counters_of(name, help, &[label])?;
        for value in values {
            counters.with_label_values(&[*value]);
        }
        Ok(counters)
    }

    /// Counters with labels whose values are not known beforehand.
    pub(super) fn counters_of(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
    ) -> Result<IntCounterVec> {
        self.registered(IntCounterVec::new(opts(name, help), labels)?)
    }

    /// A number that grows and shrinks.
    pub(super) fn gauge(&self, name: &str, help: &str) -> Result<IntGauge> {
        self.registered(IntGauge::with_opts(opts(name, help))?)
    }

    /// Gauges with labels.
    pub(super) fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec> {
        self.registered(IntGaugeVec::new(opts(name, help), labels)?)
    }

    /// Gauges with labels, of numbers that are not integers.
    pub(super) fn numbers(&self, name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec> {
        self.registered(GaugeVec::new(opts(name, help), labels)?)
    }

    /// A distribution. `buckets` are upper bounds.
    pub(super) fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Result<Histogram> {
        self.registered(Histogram::with_opts(histogram(name, help, buckets))?)
    }

    /// Distributions, one for each value of a label.
    pub(super) fn histograms(
        &self,
        name: &str,
        help: &str,
        label: &str,
        buckets: &[f64],
    ) -> Result<HistogramVec> {
        self.registered(HistogramVec::new(histogram(name, help, buckets), &[label])?)
    }

    fn registered<C: prometheus::core::Collector + Clone + 'static>(&self, metric: C) -> Result<C> {
        self.0.register(Box::new(metric.clone()))?;
        Ok(metric)
    }
}

fn opts(name: &str, help: &str) -> Opts {
    Opts::new(name, help).namespace(NAMESPACE)
}

fn histogram(name: &str, help: &str, buckets: &[f64]) -> HistogramOpts {
    HistogramOpts::new(name, help)
        .namespace(NAMESPACE)
        .buckets(buckets.into())
}
