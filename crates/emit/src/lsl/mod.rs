//! Lab Streaming Layer: poses and events as streams with the times of capture.

mod library;
mod outlet;

use std::io;

use protocol::{Prediction, Skeleton, track_number};

use crate::counts::SendOutcome;
use crate::event_message::EventMessage;
use outlet::{Outlet, OutletInfo};

/// Nodes of a stream at most.
const MAX_NODES: usize = 1000;

/// Outlets at most. A stream that is over keeps its own, so that consumers find it again, until others need the place.
const MAX_OUTLETS: usize = 64;

/// Characters of a stream's name in that of its outlet.
const MAX_NAME_CHARS: usize = 64;

/// Poses as streams: a sample an instance.
pub(crate) struct LslPoses {
    name: String,
    /// The one that began last is the last.
    outlets: Vec<PoseOutlet>,
}

/// What is offered of one stream.
struct PoseOutlet {
    /// The stream's own name; `None` where there is one stream at a time.
    stream: Option<String>,
    outlet: Outlet,
    nodes: Vec<String>,
    is_running: bool,
}

impl LslPoses {
    /// Finds the library; a stream is offered once its nodes are known.
    pub(crate) fn open(name: &str) -> io::Result<Self> {
        library::functions()?;
        Ok(Self {
            name: name.to_owned(),
            outlets: Vec::new(),
        })
    }

    /// Offers a stream. One of the same name with other nodes ends.
    pub(crate) fn begin(&mut self, stream: Option<&str>, skeleton: &Skeleton) {
        if let Err(error) = self.start(stream, skeleton) {
            tracing::warn!(name = self.name, stream, %error, "the stream cannot be offered; its poses are counted");
        }
    }

    /// A stream is over.
    pub(crate) fn end(&mut self, stream: Option<&str>) {
        if let Some(index) = self.index(stream) {
            self.outlets[index].is_running = false;
        }
    }

    fn index(&self, stream: Option<&str>) -> Option<usize> {
        let mut outlets = self.outlets.iter();
        outlets.position(|outlet| outlet.stream.as_deref() == stream)
    }

    fn start(&mut self, stream: Option<&str>, skeleton: &Skeleton) -> io::Result<()> {
        let nodes: Vec<String> = skeleton.nodes.iter().take(MAX_NODES).cloned().collect();
        if let Some(index) = self.index(stream) {
            let mut known = self.outlets.remove(index);
            if known.nodes == nodes {
                known.is_running = true;
                self.outlets.push(known);
                return Ok(());
            }
        }
        if self.outlets.len() >= MAX_OUTLETS {
            let over = self.outlets.iter().position(|outlet| !outlet.is_running);
            self.outlets.remove(over.unwrap_or_default());
        }
        let outlet = Outlet::open(&OutletInfo {
            name: &outlet_name(&self.name, stream),
            kind: "Pose",
            channels: &channels(&nodes),
            has_texts: false,
        })?;
        self.outlets.push(PoseOutlet {
            stream: stream.map(str::to_owned),
            outlet,
            nodes,
            is_running: true,
        });
        Ok(())
    }

    /// Offers the poses of a frame of a stream that was captured at this time, microseconds since 1970; `now_us`: now.
    pub(crate) fn offer(
        &mut self,
        stream: Option<&str>,
        prediction: &Prediction,
        captured_us: Option<u64>,
        now_us: u64,
    ) -> SendOutcome {
        let Some(index) = self.index(stream) else {
            return SendOutcome::Failed;
        };
        match self.outlets[index].offer(prediction, captured_us, now_us) {
            Ok(()) => SendOutcome::Sent,
            Err(_) => SendOutcome::Failed,
        }
    }
}

impl PoseOutlet {
    fn offer(
        &mut self,
        prediction: &Prediction,
        captured_us: Option<u64>,
        now_us: u64,
    ) -> io::Result<()> {
        let time = captured(&self.outlet, captured_us.unwrap_or(now_us), now_us);
        for index in 0..prediction.instances.len() {
            let sample = sample(prediction, index, self.nodes.len());
            self.outlet.push_numbers(&sample, time)?;
        }
        Ok(())
    }
}

/// Labels and units of what a sample has.
fn channels(nodes: &[String]) -> Vec<(String, &'static str)> {
    let first = ["frame_id", "instance", "track", "score"];
    let mut channels: Vec<_> = first.map(|name| (name.to_owned(), "")).into();
    for node in nodes {
        let parts = [("x", "pixels"), ("y", "pixels"), ("confidence", "")];
        channels.extend(parts.map(|(part, unit)| (format!("{node}.{part}"), unit)));
    }
    channels
}

/// The name of what is offered of a stream, which is part of consumers' queries.
fn outlet_name(name: &str, stream: Option<&str>) -> String {
    let Some(stream) = stream else {
        return name.to_owned();
    };
    let plain = |c: char| match c {
        c if c.is_alphanumeric() || matches!(c, '_' | '-' | '.') => c,
        _ => '_',
    };
    let stream: String = stream.chars().take(MAX_NAME_CHARS).map(plain).collect();
    format!("{name}-{stream}")
}

/// The channels of an instance; NaN for what is missing.
fn sample(prediction: &Prediction, index: usize, nodes: usize) -> Vec<f64> {
    let wide = |value: Option<f32>| value.map_or(f64::NAN, f64::from);
    let track = prediction.tracks.get(index).and_then(Option::as_deref);
    let number = track.and_then(track_number);
    let score = prediction.instance_scores.get(index).copied().flatten();
    let mut values = vec![
        prediction.frame_id as f64,
        index as f64,
        number.map_or(f64::NAN, f64::from),
        wide(score),
    ];
    let points = prediction.instances.get(index);
    let scores = prediction.confidence.get(index);
    for node in 0..nodes {
        let point = points
            .and_then(|points| points.get(node))
            .copied()
            .flatten();
        let score = scores
            .and_then(|scores| scores.get(node))
            .copied()
            .flatten();
        values.extend([0, 1].map(|axis| wide(point.map(|xy| xy[axis]))));
        values.push(wide(score));
    }
    values
}

/// Events as a stream of markers.
pub(crate) struct LslEvents(Outlet);

impl LslEvents {
    pub(crate) fn open(name: &str) -> io::Result<Self> {
        let outlet = Outlet::open(&OutletInfo {
            name: &format!("{name}-events"),
            kind: "Markers",
            channels: &[("event".to_owned(), "")],
            has_texts: true,
        })?;
        Ok(Self(outlet))
    }

    /// Offers an event as `rule edge animal`; with `stream=NAME` and `moment=NUMBER` where there are several streams.
    pub(crate) fn event(&mut self, event: &EventMessage<'_>) -> io::Result<()> {
        let time = captured(&self.0, event.captured_us, event.emitted_us);
        self.0.push_text(&marker(event), time)
    }
}

fn marker(event: &EventMessage<'_>) -> String {
    let stream = event.stream.map(|stream| format!("stream={stream}"));
    let moment = event.moment.map(|moment| format!("moment={moment}"));
    let words = [Some(event.rule), Some(event.edge), event.animal];
    let words = words.into_iter().flatten().map(str::to_owned);
    let words: Vec<String> = words.chain(stream).chain(moment).collect();
    words.join(" ")
}

/// A time of capture by the clock of samples.
fn captured(outlet: &Outlet, captured_us: u64, now_us: u64) -> f64 {
    outlet.clock() - (now_us as f64 - captured_us as f64) / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_names_what_there_is() {
        let event = EventMessage {
            rule: "corner",
            edge: "enter",
            ..EventMessage::default()
        };
        assert_eq!(marker(&event), "corner enter");
        let event = EventMessage {
            animal: Some("track_0"),
            stream: Some("back"),
            moment: Some(7),
            ..event
        };
        assert_eq!(marker(&event), "corner enter track_0 stream=back moment=7");
    }

    #[test]
    fn an_outlet_has_the_name_of_its_stream() {
        assert_eq!(outlet_name("rig", None), "rig");
        assert_eq!(outlet_name("rig", Some("webcam:0-2")), "rig-webcam_0-2");
        assert_eq!(outlet_name("rig", Some("a'b]/c")), "rig-a_b__c");
        assert_eq!(outlet_name("r", Some(&"x".repeat(999))).len(), 66);
    }

    #[test]
    fn a_sample_has_a_value_for_each_channel() {
        let prediction = Prediction {
            frame_id: 7,
            instances: vec![vec![], vec![Some([1.5, 2.5]), None]],
            confidence: vec![vec![], vec![Some(0.5), None]],
            tracks: vec![None, Some("track_3".to_owned())],
            ..Prediction::default()
        };
        let shown = |index| format!("{:?}", sample(&prediction, index, 2));
        assert_eq!(
            shown(1),
            "[7.0, 1.0, 3.0, NaN, 1.5, 2.5, 0.5, NaN, NaN, NaN]"
        );
        assert_eq!(
            shown(0),
            "[7.0, 0.0, NaN, NaN, NaN, NaN, NaN, NaN, NaN, NaN]"
        );
    }
}
