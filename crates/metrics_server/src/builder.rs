//! Makes metrics and registers them.

use anyhow::{Context, Result};
use prometheus::proto::MetricFamily;
use prometheus::{
    Encoder, GaugeVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge,
    IntGaugeVec, Opts, Registry, TextEncoder,
};

/// Makes metrics of one registry, all of them with their first value: a metric that appears with the
/// first event hides that event.
///
/// Each method fails where the name is malformed or in use.
pub struct MetricBuilder<'a> {
    registry: &'a Registry,
    /// What all names begin with.
    program: &'static str,
}

impl<'a> MetricBuilder<'a> {
    /// Makes metrics of `registry`, whose names begin with `program`.
    pub fn new(registry: &'a Registry, program: &'static str) -> Self {
        Self { registry, program }
    }

    /// A number that only grows.
    pub fn counter(&self, name: &str, help: &str) -> Result<IntCounter> {
        self.registered(IntCounter::with_opts(self.opts(name, help))?)
    }

    /// One counter for each value of a label.
    pub fn counters(
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
    pub fn counters_of(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec> {
        self.registered(IntCounterVec::new(self.opts(name, help), labels)?)
    }

    /// A number that grows and shrinks.
    pub fn gauge(&self, name: &str, help: &str) -> Result<IntGauge> {
        self.registered(IntGauge::with_opts(self.opts(name, help))?)
    }

    /// Gauges with labels.
    pub fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> Result<IntGaugeVec> {
        self.registered(IntGaugeVec::new(self.opts(name, help), labels)?)
    }

    /// Gauges with labels, of numbers that are not integers.
    pub fn numbers(&self, name: &str, help: &str, labels: &[&str]) -> Result<GaugeVec> {
        self.registered(GaugeVec::new(self.opts(name, help), labels)?)
    }

    /// A distribution. `buckets` are upper bounds.
    pub fn histogram(&self, name: &str, help: &str, buckets: &[f64]) -> Result<Histogram> {
        self.registered(Histogram::with_opts(
            self.distribution(name, help, buckets),
        )?)
    }

    /// Distributions, one for each value of a label.
    pub fn histograms(
        &self,
        name: &str,
        help: &str,
        label: &str,
        buckets: &[f64],
    ) -> Result<HistogramVec> {
        self.registered(HistogramVec::new(
            self.distribution(name, help, buckets),
            &[label],
        )?)
    }

    fn registered<C: prometheus::core::Collector + Clone + 'static>(&self, metric: C) -> Result<C> {
        self.registry.register(Box::new(metric.clone()))?;
        Ok(metric)
    }

    fn opts(&self, name: &str, help: &str) -> Opts {
        Opts::new(name, help).namespace(self.program)
    }

    fn distribution(&self, name: &str, help: &str, buckets: &[f64]) -> HistogramOpts {
        HistogramOpts::new(name, help)
            .namespace(self.program)
            .buckets(buckets.into())
    }
}

/// Lets a counter reach a number that another part of the program counts; one that is lower leaves it as it is.
pub fn advance(counter: &IntCounter, number: u64) {
    counter.inc_by(number.saturating_sub(counter.get()));
}

/// A number as a gauge has it.
pub fn gauge_value(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// All metrics of registries, in Prometheus' text format. Those of one name in several registries differ in their labels.
///
/// # Errors
/// None that can be expected: the text is written to memory.
pub fn text<'a>(registries: impl IntoIterator<Item = &'a Registry>) -> Result<Vec<u8>> {
    let mut text = Vec::new();
    let mut families: Vec<MetricFamily> = Vec::new();
    for mut family in registries.into_iter().flat_map(Registry::gather) {
        match families.iter_mut().find(|it| it.name() == family.name()) {
            Some(known) => known.mut_metric().extend(family.take_metric()),
            None => families.push(family),
        }
    }
    TextEncoder::new()
        .encode(&families, &mut text)
        .context("metrics cannot be written")?;
    Ok(text)
}
