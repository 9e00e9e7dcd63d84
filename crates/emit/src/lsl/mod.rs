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

/// Poses as a stream: a sample an instance.
pub(crate) struct LslPoses {
    name: String,
    /// `None` until the nodes are known.
    outlet: Option<Outlet>,
    nodes: Vec<String>,
}

impl LslPoses {
    /// Finds the library; the stream is offered once the nodes are known.
    pub(crate) fn open(name: &str) -> io::Result<Self> {
        library::functions()?;
        Ok(Self {
            name: name.to_owned(),
            outlet: None,
            nodes: Vec::new(),
        })
    }

    /// Offers the stream. One with other nodes ends.
    pub(crate) fn begin(&mut self, skeleton: &Skeleton) {
        if let Err(error) = self.start(skeleton) {
            tracing::warn!(name = self.name, %error, "the stream cannot be offered; its poses are counted");
        }
    }

    fn start(&mut self, skeleton: &Skeleton) -> io::Result<()> {
        let nodes: Vec<String> = skeleton.nodes.iter().take(MAX_NODES).cloned().collect();
        if self.outlet.is_some() && nodes == self.nodes {
            return Ok(());
        }
        self.outlet = None;
        let mut channels = vec![
            ("frame_id".to_owned(), ""),
            ("instance".to_owned(), ""),
            ("track".to_owned(), ""),
            ("score".to_owned(), ""),
        ];
        for node in &nodes {
            let parts = [("x", "pixels"), ("y", "pixels"), ("confidence", "")];
            channels.extend(parts.map(|(part, unit)| (format!("{node}.{part}"), unit)));
        }
        self.outlet = Some(Outlet::open(&OutletInfo {
            name: &self.name,
            kind: "Pose",
            channels: &channels,
            has_texts: false,
        })?);
        self.nodes = nodes;
        Ok(())
    }

    /// Offers the poses of a frame that was captured at this time, microseconds since 1970; `now_us`: now.
    pub(crate) fn offer(
        &mut self,
        prediction: &Prediction,
        captured_us: Option<u64>,
        now_us: u64,
    ) -> SendOutcome {
        match self.pose(prediction, captured_us, now_us) {
            Ok(()) => SendOutcome::Sent,
            Err(_) => SendOutcome::Failed,
        }
    }

    fn pose(
        &mut self,
        prediction: &Prediction,
        captured_us: Option<u64>,
        now_us: u64,
    ) -> io::Result<()> {
        let Some(outlet) = &mut self.outlet else {
            return Err(io::Error::other("the stream is not offered"));
        };
        let time = captured(outlet, captured_us.unwrap_or(now_us), now_us);
        for index in 0..prediction.instances.len() {
            outlet.push_numbers(&sample(prediction, index, self.nodes.len()), time)?;
        }
        Ok(())
    }
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

    /// Offers an event as `rule edge animal`.
    pub(crate) fn event(&mut self, event: &EventMessage<'_>) -> io::Result<()> {
        let time = captured(&self.0, event.captured_us, event.emitted_us);
        let marker = [event.rule, event.edge, event.animal.unwrap_or_default()].join(" ");
        self.0.push_text(marker.trim_end(), time)
    }
}

/// A time of capture by the clock of samples.
fn captured(outlet: &Outlet, captured_us: u64, now_us: u64) -> f64 {
    outlet.clock() - (now_us as f64 - captured_us as f64) / 1e6
}

#[cfg(test)]
mod tests {
    use super::*;

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
