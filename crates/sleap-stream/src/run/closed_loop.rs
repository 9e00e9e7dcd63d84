//! What is done with poses first: they are carried on, and rules act on them.

use std::sync::Arc;

use anyhow::Result;
use closed_loop::{
    BoundRules, EndedRules, EventReporter, LoggedEvent, OpenOutputs, RuleRunner, frame_poses,
};
use protocol::{DerivedPoses, Prediction, RuleSide, StreamAck, ZoneEdit};
use rules::Cause;
use tracking::{TrackerKind, TrackerOptions};
use vision::capture::SourceInfo;
use vision::draw::ZoneMark;

use crate::config::Config;
use crate::metrics::Metrics;
use crate::run::derived::PoseDeriver;
use crate::run::rule_view::RulesAtWorker;
use crate::send::in_flight::ReturnedFrame;
use crate::send::uplink::UplinkWatch;

/// What is done with poses before anything else.
#[derive(Default)]
pub(crate) struct ClosedLoop {
    deriver: Option<PoseDeriver>,
    rules: Option<Arc<RuleRunner>>,
    /// Sends what people at the worker see of the rules.
    view: Option<RulesAtWorker>,
}

impl ClosedLoop {
    /// Begins. `rules`: those that act on poses; `shown`: the connections to a worker at which people look at the stream.
    pub(crate) fn start(
        config: &Config,
        rules: Option<BoundRules>,
        info: &SourceInfo,
        shown: Option<UplinkWatch>,
        metrics: &Metrics,
    ) -> Result<Self> {
        let metrics = metrics.clone();
        let writer = config.events();
        let is_heard = writer.is_some() || metrics.are_counted();
        let reporter = is_heard.then(|| -> EventReporter {
            Box::new(move |event: &LoggedEvent| {
                metrics.rule_event();
                if let Some(writer) = &writer {
                    writer.rule(event.json());
                }
            })
        });
        let start = |bound| {
            let runner = RuleRunner::start(bound, RuleSide::Client, reporter)?;
            runner.begin(&info.name, false);
            Ok::<_, anyhow::Error>(Arc::new(runner))
        };
        let rules = rules.map(start).transpose()?;
        let picture = Some((info.width, info.height)).filter(|size| size.0 > 0 && size.1 > 0);
        let view = rules.as_ref().zip(shown);
        Ok(Self {
            deriver: PoseDeriver::of(config),
            view: view.map(|(rules, uplink)| RulesAtWorker::show(rules, picture, uplink)),
            rules,
        })
    }

    /// The zones, as they are drawn over a frame in pixels of the source.
    pub(crate) fn zones(&self) -> Vec<ZoneMark> {
        let Some(rules) = &self.rules else {
            return Vec::new();
        };
        let seen = rules.seen();
        let seen = seen.borrow();
        let drawn = seen.zones.drawn(&seen.state, [1.0, 1.0]);
        drawn.map(ZoneMark::from).collect()
    }

    /// A viewer at the worker has drawn a zone.
    pub(crate) fn edit_zone(&self, edit: ZoneEdit) {
        match &self.view {
            Some(view) => view.edit(edit),
            None => tracing::debug!("a zone was drawn, and there are no rules"),
        }
    }

    /// Whether rules act on poses.
    pub(crate) fn has_rules(&self) -> bool {
        self.rules.is_some()
    }

    /// Takes the poses of a frame, and acts; `names`: those that its tracks were given, empty where there are none.
    /// The poses that were computed from them, with the names.
    pub(crate) fn pose(
        &mut self,
        prediction: &Prediction,
        names: Vec<Option<String>>,
        returned: &ReturnedFrame,
    ) -> DerivedPoses {
        let age_us = returned.latency.age();
        let mut derived = match &mut self.deriver {
            Some(deriver) => deriver.frame(prediction, returned.captured_us, age_us),
            None => DerivedPoses::default(),
        };
        derived.names = names;
        if let Some(rules) = &self.rules {
            let names = ::closed_loop::names(prediction, &derived);
            let captured_us = returned.captured_us.unwrap_or_default();
            rules.pose(&frame_poses(prediction, &derived, &names, captured_us));
        }
        derived
    }

    /// The connection to the worker is lost.
    pub(crate) fn lost(&self) {
        if let Some(rules) = &self.rules {
            rules.stop(Cause::Lost);
        }
    }

    /// The stream is over: switches everything off.
    pub(crate) async fn finish(&mut self) -> Option<EndedRules> {
        match self.rules.take() {
            Some(rules) => Some(rules.finish().await),
            None => None,
        }
    }
}

/// The rules of a run, for the nodes that the worker's model has.
pub(crate) fn bind(
    config: &Config,
    outputs: Option<OpenOutputs>,
    ack: &StreamAck,
) -> Result<Option<BoundRules>> {
    let nodes = ack
        .skeleton
        .as_ref()
        .map(|skeleton| skeleton.nodes.as_slice());
    let rules = config.rules.as_ref().zip(outputs);
    rules
        .map(|(loaded, outputs)| BoundRules::new(loaded, outputs, nodes.unwrap_or_default()))
        .transpose()
}

/// The tracker of a run: the one that the options name, or one that is needed although they name none.
pub(crate) fn tracker(config: &Config, ack: &StreamAck) -> Option<TrackerOptions> {
    if config.tracking.is_some() {
        return config.tracking.clone();
    }
    let why = needs_identity(config)?;
    let kind = ack.model.as_ref().map(|model| model.kind.as_str());
    let is_known =
        kind.is_some_and(|kind| kind == "single_instance" || kind.starts_with("multi_class"));
    if is_known || ack.tracker.is_some() {
        return None;
    }
    tracing::info!("{why} needs to know which animal is which: --tracking is switched on");
    Some(TrackerOptions::of(TrackerKind::Animals))
}

/// The option that needs to know which animal is which.
fn needs_identity(config: &Config) -> Option<&'static str> {
    let rules = config.rules.as_ref();
    let options = [
        ("--predict-ahead", config.ahead.is_some()),
        ("--smooth", config.smooth.is_some()),
        ("--rules", rules.is_some_and(|it| it.rules.need_identity())),
    ];
    let needed = options.into_iter().find(|(_, needs)| *needs);
    needed.map(|(option, _)| option)
}
