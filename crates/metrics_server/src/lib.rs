//! What the metrics of both programs share: making them, and serving them to Prometheus.
//!
//! A program makes its metrics with a [`MetricBuilder`], and answers as a [`MetricsSource`]. [`serve`] puts them on
//! `/metrics`, and health checks on `/healthz` and `/readyz`.

#![warn(clippy::print_stdout, clippy::print_stderr, missing_docs)]

mod address;
mod builder;
mod server;
mod tracks;

pub use address::MetricsAddress;
pub use builder::{MetricBuilder, advance, gauge_value, text};
pub use server::{MetricsServer, MetricsSource, Readiness, serve};
pub use tracks::TrackMetrics;
