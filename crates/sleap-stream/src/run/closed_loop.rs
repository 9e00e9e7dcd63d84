//! What is done with poses first: they are carried on, and rules act on them.

use std::sync::Arc;

use anyhow::Result;
use closed_loop::{
    BoundRules, EndedRules, EventReporter, LoggedEvent, OpenOutputs, RuleRunner, RuleSource,
    RuleStream, frame_poses,
};
use protocol::{DerivedPoses, Prediction, RuleSide, StreamAck, ZoneEdit};
use rules::Cause;
use tracking::{TrackerKind, TrackerOptions};
use vision::capture::SourceInfo;
use vision::draw::ZoneMark;

use crate::config::Config;
use crate::metrics::Metrics;
use crate::report::events::EventWriter;
use crate::run::derived::PoseDeriver;
use crate::run::rule_view::RulesAtWorker;
use crate::send::in_flight::ReturnedFrame;
use crate::send::uplink::UplinkWatch;

/// What is done with poses before anything else.
#[derive(Default)]
pub(crate) struct ClosedLoop {
    deriver: Option<PoseDeriver>,
    rules: Option<StreamRules>,
    /// Sends what people at the worker see of the rules.
    view: Option<RulesAtWorker>,
}

/// The rules in a stream.
struct StreamRules {
    stream: RuleStream,
    /// `None`: they act on several cameras, and end after the last of these.
    own: Option<Arc<RuleRunner>>,
}

/// The rules of a run, before its stream begins.
pub(crate) enum RunRules {
    /// Of a stream alone.
    Own(Box<BoundRules>),
    /// Of several cameras.
    Shared(Arc<RuleRunner>),
}

impl ClosedLoop {
    /// Begins. `rules`: those that act on poses; `shown`: the connections to a worker at which people look at the stream.
    pub(crate) fn start(
        config: &Config,
        rules: Option<RunRules>,
        info: &SourceInfo,
        shown: Option<UplinkWatch>,
        metrics: &Metrics,
    ) -> Result<Self> {
        let (runner, own) = match rules {
            None => (None, None),
            Some(RunRules::Shared(runner)) => (Some(runner), None),
            Some(RunRules::Own(bound)) => {
                let counted = metrics.are_counted().then(|| -> MetricsOfEvent {
                    let metrics = metrics.clone();
                    Box::new(move |_: &LoggedEvent| metrics.clone())
                });
                let runner = Arc::new(start(*bound, config.events(), counted)?);
                (Some(Arc::clone(&runner)), Some(runner))
            }
        };
        let picture = Some((info.width, info.height)).filter(|size| size.0 > 0 && size.1 > 0);
        let source = rule_source(config, info);
        let begun = runner.map(|runner| (runner.begin(source), runner));
        let view = begun.as_ref().zip(shown).map(|((stream, runner), uplink)| {
            RulesAtWorker::show((runner, stream.seen()), picture, uplink)
        });
        Ok(Self {
            deriver: PoseDeriver::of(config),
            view,
            rules: begun.map(|(stream, _)| StreamRules { stream, own }),
        })
    }

    /// The zones, as they are drawn over a frame in pixels of the source.
    pub(crate) fn zones(&self) -> Vec<ZoneMark> {
        let Some(rules) = &self.rules else {
            return Vec::new();
        };
        let seen = rules.stream.seen();
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

    /// The poses that are computed from those of a frame; `names`: those that its tracks were given, empty where there are
    /// none.
    pub(crate) fn derive(
        &mut self,
        prediction: &Prediction,
        names: Vec<Option<String>>,
        returned: &ReturnedFrame,
    ) -> DerivedPoses {
        let age_us = returned.latency.age();
        let derived = match &mut self.deriver {
            Some(deriver) => deriver.frame(prediction, returned.captured_us, age_us),
            None => DerivedPoses::default(),
        };
        DerivedPoses { names, ..derived }
    }

    /// Lets the rules act on the poses of a frame. `moment`: the number of the moment that it shows, where there are several
    /// cameras.
    pub(crate) fn act(
        &self,
        prediction: &Prediction,
        derived: &DerivedPoses,
        returned: &ReturnedFrame,
        moment: Option<u64>,
    ) {
        if let Some(rules) = &self.rules {
            let names = ::closed_loop::names(prediction, derived);
            let captured_us = returned.captured_us.unwrap_or_default();
            let poses = frame_poses(prediction, derived, &names, captured_us);
            rules.stream.pose(&poses, moment);
        }
    }

    /// The connection to the worker is lost.
    pub(crate) fn lost(&self) {
        if let Some(rules) = &self.rules {
            rules.stream.stop(Cause::Lost);
        }
    }

    /// The stream is over: switches off what it keeps on. What the rules have come to, unless they act on other cameras, too.
    pub(crate) async fn finish(&mut self) -> Option<EndedRules> {
        let StreamRules { stream, own } = self.rules.take()?;
        let ended = match own {
            Some(rules) => Some(rules.finish().await),
            None => None,
        };
        drop(stream);
        ended
    }
}

/// Begins the rules of a run. `counted`: the metrics that count an event.
pub(crate) fn start(
    bound: BoundRules,
    writer: Option<EventWriter>,
    counted: Option<MetricsOfEvent>,
) -> Result<RuleRunner> {
    let is_heard = writer.is_some() || counted.is_some();
    let reporter = is_heard.then(|| -> EventReporter {
        Box::new(move |event: &LoggedEvent| {
            if let Some(counted) = &counted {
                counted(event).rule_event();
            }
            if let Some(writer) = &writer {
                writer.rule(event.json());
            }
        })
    });
    RuleRunner::start(bound, RuleSide::Client, reporter)
}

/// The metrics of the stream that an event comes from.
pub(crate) type MetricsOfEvent = Box<dyn Fn(&LoggedEvent) -> Metrics + Send>;

/// The stream, as events name it.
fn rule_source(config: &Config, info: &SourceInfo) -> RuleSource {
    let camera = config.camera.as_deref().map(str::to_owned);
    RuleSource {
        source: info.name.clone(),
        name: camera.clone().unwrap_or_else(|| info.name.clone()),
        stream: camera,
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
