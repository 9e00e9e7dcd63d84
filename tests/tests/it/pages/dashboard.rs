//! Grafana's dashboard asks for metrics and labels that the worker serves.

use std::collections::BTreeMap;

use serde_json::Value;

use super::page::root;
use super::tables::{Metric, documented};

const DASHBOARD: &str = "examples/service/grafana.json";

/// Labels that Prometheus adds: the address of the worker, and the bounds of a histogram's buckets.
const OF_PROMETHEUS: [&str; 2] = ["instance", "le"];

#[test]
fn the_dashboard_asks_for_metrics_that_there_are() {
    let text = std::fs::read_to_string(root().join(DASHBOARD)).expect("the dashboard is readable");
    let dashboard: Value = serde_json::from_str(&text).expect("the dashboard is JSON");
    let metrics = documented();
    let mut queries = 0;
    for panel in dashboard["panels"].as_array().expect("panels") {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let query = target["expr"].as_str().expect("a query");
            let legend = target["legendFormat"].as_str().unwrap_or_default();
            check(query, legend, &metrics);
            queries += 1;
        }
    }
    assert!(queries > 20, "only {queries} queries in {DASHBOARD}");
}

fn check(query: &str, legend: &str, metrics: &BTreeMap<String, Metric>) {
    let mut known: Vec<&str> = OF_PROMETHEUS.to_vec();
    for (at, prefix) in query.match_indices("sleap_worker_") {
        let name = &query[at + prefix.len()..];
        let end = name.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let name = &name[..end.unwrap_or(name.len())];
        let metric = metric(name, metrics);
        let metric = metric.unwrap_or_else(|| panic!("{DASHBOARD}: the worker has no `{name}`"));
        known.extend(metric.labels.iter().map(String::as_str));
    }
    let grouped = between(query, "by (", ")").into_iter();
    let grouped = grouped.flat_map(|list| list.split(", "));
    for label in grouped.chain(between(legend, "{{", "}}")) {
        assert!(
            known.contains(&label),
            "{DASHBOARD}: no label `{label}` in {query}"
        );
    }
}

/// The metric of a series; a histogram has three of them.
fn metric<'m>(series: &str, metrics: &'m BTreeMap<String, Metric>) -> Option<&'m Metric> {
    let of_histogram = ["_bucket", "_sum", "_count"].iter().find_map(|end| {
        let metric = metrics.get(series.strip_suffix(end)?)?;
        (metric.kind == "histogram").then_some(metric)
    });
    of_histogram.or_else(|| {
        metrics
            .get(series)
            .filter(|metric| metric.kind != "histogram")
    })
}

fn between<'t>(text: &'t str, begin: &str, end: &str) -> Vec<&'t str> {
    let parts = text.split(begin).skip(1);
    parts
        .filter_map(|part| Some(part.split_once(end)?.0))
        .collect()
}
