//! Rules that act on all cameras of a run.

use std::sync::Arc;

use ::closed_loop::{BoundRules, EndedRules, LoadedRules, LoggedEvent, OpenOutputs, RuleRunner};
use anyhow::{Result, bail};
use rules::Rules;
use serde_json::json;

use crate::metrics::Metrics;
use crate::report::events::EventWriter;
use crate::report::mode::ReportMode;
use crate::run::closed_loop::{self, MetricsOfEvent};
use crate::run::stream::{OpenStream, ReadyStream};

/// Warns of rules that are for none of the cameras.
pub(super) fn warn_unused(rules: &Rules, streams: &[OpenStream]) {
    let cameras: Vec<[&str; 2]> = streams
        .iter()
        .map(|stream| {
            let name = stream.config.camera.as_deref().unwrap_or_default();
            [name, stream.info().name.as_str()]
        })
        .collect();
    let names: Vec<&str> = cameras.iter().map(|[name, _]| *name).collect();
    for rule in rules.for_none_of(&cameras) {
        tracing::warn!(
            "[rule.{rule}] of {} acts on none of the cameras {}: its `streams` name others",
            rules.file,
            names.join(", ")
        );
    }
}

/// Begins the rules, for the nodes of the workers' models.
///
/// # Errors
/// The models have different nodes, or not those of the rules; the file of events cannot be written.
pub(super) fn start(
    loaded: &LoadedRules,
    outputs: OpenOutputs,
    streams: &[ReadyStream],
    metrics: Vec<Metrics>,
) -> Result<Arc<RuleRunner>> {
    let [first, others @ ..] = streams else {
        bail!("there is no camera");
    };
    if let Some(other) = others.iter().find(|other| other.nodes() != first.nodes()) {
        bail!(
            "the workers of the cameras {} and {} have models with different nodes: rules need one model",
            first.config.camera.as_deref().unwrap_or_default(),
            other.config.camera.as_deref().unwrap_or_default()
        );
    }
    let bound = BoundRules::new(loaded, outputs, first.nodes())?;
    let names: Vec<_> = streams.iter().map(|it| it.config.camera.clone()).collect();
    let are_counted = metrics.iter().any(Metrics::are_counted);
    let counted = are_counted.then(|| -> MetricsOfEvent {
        Box::new(move |event: &LoggedEvent| {
            let camera = event.origin.source.stream.as_deref();
            let index = names.iter().position(|name| name.as_deref() == camera);
            let metrics = index.and_then(|index| metrics.get(index));
            metrics.cloned().unwrap_or_default()
        })
    });
    // Events name their camera by themselves.
    let writer = EventWriter::of(first.config.report_mode);
    closed_loop::start(bound, writer, counted).map(Arc::new)
}

/// Ends the rules, and reports their events; what went wrong with them.
pub(super) async fn finish(
    rules: Option<Arc<RuleRunner>>,
    mode: ReportMode,
    loaded: Option<&LoadedRules>,
) -> Vec<anyhow::Error> {
    let Some((rules, loaded)) = rules.zip(loaded) else {
        return Vec::new();
    };
    let ended = rules.finish().await;
    report(mode, loaded, &ended);
    ended.wrong
}

fn report(mode: ReportMode, loaded: &LoadedRules, ended: &EndedRules) {
    let file = loaded
        .events
        .as_ref()
        .map(|it| it.path.display().to_string());
    if let Some(events) = EventWriter::of(mode) {
        events.rules(json!({ "events": ended.events, "file": file }));
    } else if mode == ReportMode::ForPeople {
        let file = file.map(|file| format!(", in {file}")).unwrap_or_default();
        let events = ended.events;
        cli::say([format!("{:<13} {events:>9}   of rules{file}", "events")]);
    }
}
