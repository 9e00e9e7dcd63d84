//! What is done with poses first: they are carried on, and rules act on them.

use std::borrow::Cow;

use anyhow::Result;
use protocol::{DerivedPoses, Prediction, StreamAck};
use rules::FramePoses;
use tracking::{TrackerKind, TrackerOptions};

use crate::closed_loop::{BoundRules, EndedRules, OpenOutputs, RuleRunner};
use crate::config::Config;
use crate::report::events::EventWriter;
use crate::run::derived::PoseDeriver;
use crate::send::in_flight::ReturnedFrame;

/// What is done with poses before anything else.
#[derive(Default)]
pub(crate) struct ClosedLoop {
    deriver: Option<PoseDeriver>,
    rules: Option<RuleRunner>,
}

impl ClosedLoop {
    /// Begins. `rules`: those that act on poses; `source`: the stream's name for people.
    pub(crate) fn start(config: &Config, rules: Option<BoundRules>, source: &str) -> Result<Self> {
        let reported = EventWriter::of(config.report_mode);
        let start = |bound| RuleRunner::start(bound, source, config.overwrite, reported);
        Ok(Self {
            deriver: PoseDeriver::of(config),
            rules: rules.map(start).transpose()?,
        })
    }

    /// Whether rules act on poses.
    pub(crate) fn has_rules(&self) -> bool {
        self.rules.is_some()
    }

    /// Takes the poses of a frame, and acts; `given`: names that its tracks were given, empty where there are none.
    /// The poses that were computed from them.
    pub(crate) fn pose(
        &mut self,
        prediction: &Prediction,
        given: &[Option<String>],
        returned: &ReturnedFrame,
    ) -> DerivedPoses {
        let age_us = returned.latency.age();
        let derived = match &mut self.deriver {
            Some(deriver) => deriver.frame(prediction, returned.captured_us, age_us),
            None => DerivedPoses::default(),
        };
        if let Some(rules) = &self.rules {
            rules.pose(&FramePoses {
                frame_id: prediction.frame_id,
                captured_us: returned.captured_us.unwrap_or_default(),
                names: &known_as(&prediction.tracks, given),
                measured: &prediction.instances,
                ahead: derived.ahead.as_ref().map(|it| it.instances.as_slice()),
                smooth: derived.smooth.as_ref().map(|it| it.instances.as_slice()),
            });
        }
        derived
    }

    /// The connection to the worker is lost.
    pub(crate) fn lost(&self) {
        if let Some(rules) = &self.rules {
            rules.lost();
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

/// What each track is called: the name that it was given, else its own.
fn known_as<'a>(
    tracks: &'a [Option<String>],
    given: &[Option<String>],
) -> Cow<'a, [Option<String>]> {
    if given.is_empty() {
        return Cow::Borrowed(tracks);
    }
    let names = tracks.iter().enumerate();
    let name = |(index, track): (usize, &Option<String>)| {
        let given = given.get(index).cloned().flatten();
        given.or_else(|| track.clone())
    };
    names.map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_know_animals_by_the_names_that_they_were_given() {
        let tracks = ["track_0", "track_1"].map(|name| Some(name.to_owned()));
        assert_eq!(*known_as(&tracks, &[]), tracks);
        let given = [None, Some("mouse A".to_owned())];
        let names = known_as(&tracks, &given);
        assert_eq!(
            *names,
            [Some("track_0".to_owned()), Some("mouse A".to_owned())]
        );
    }
}
