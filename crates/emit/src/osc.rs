//! Messages as Open Sound Control. The README is the specification.
//!
//! The time tag of a bundle is the moment at which its messages are to take effect; receivers that
//! follow it hold a bundle back until then. Poses have to take effect at once, so the tag is
//! "immediately", and the time of capture is an argument.

use protocol::{DerivedPoses, Prediction, Skeleton};
use rosc::{OscBundle, OscMessage, OscPacket, OscTime, OscType, encoder};

use crate::event_message::EventMessage;
use crate::frame::EmittedFrame;
use crate::target::OscLayout;

/// OSC 1.0's value for "immediately".
const IMMEDIATELY: OscTime = OscTime {
    seconds: 0,
    fractional: 1,
};

/// Writes bundles for one stream.
pub(crate) struct OscWriter {
    /// What all addresses begin with.
    root: String,
    layout: OscLayout,
    /// The nodes as parts of an address.
    nodes: Vec<String>,
}

/// What the addresses of a stream begin with; `None` where there is one stream at a time.
fn root(stream: Option<&str>) -> String {
    match stream {
        Some(name) => format!("/sleap/{}", address(name)),
        None => "/sleap".to_owned(),
    }
}

impl OscWriter {
    /// `stream`: its name in the addresses; `None` where there is one stream at a time.
    pub(crate) fn new(layout: OscLayout, stream: Option<&str>, skeleton: &Skeleton) -> Self {
        Self {
            root: root(stream),
            layout,
            nodes: skeleton.nodes.iter().map(|name| address(name)).collect(),
        }
    }

    /// A frame with its poses. Times are microseconds since the Unix epoch.
    pub(crate) fn pose(
        &self,
        prediction: &Prediction,
        derived: &DerivedPoses,
        frame: &EmittedFrame,
        emitted_us: u64,
    ) -> Vec<u8> {
        let id = int(prediction.frame_id);
        let mut args = vec![id.clone(), int(prediction.instances.len() as u64)];
        args.extend(time(frame.captured_us.unwrap_or_default()));
        args.extend(time(emitted_us));
        let mut messages = vec![self.message("frame", args)];
        if let Some(moment) = frame.moment {
            messages.push(self.message("moment", vec![id.clone(), int(moment)]));
        }
        for index in 0..prediction.instances.len() {
            match self.layout {
                OscLayout::Instances => messages.push(self.whole(prediction, index)),
                OscLayout::Nodes => messages.extend(self.by_node(prediction, index)),
            }
            if let Some(Some(track)) = prediction.tracks.get(index) {
                let args = vec![id.clone(), int(index as u64), string(track)];
                messages.push(self.message("track", args));
            }
            if let Some(Some(name)) = derived.names.get(index) {
                let args = vec![id.clone(), int(index as u64), string(name)];
                messages.push(self.message("name", args));
            }
        }
        messages.extend(self.derived(prediction.frame_id, derived));
        bundle(messages)
    }

    pub(crate) fn skeleton(&self, skeleton: &Skeleton) -> Vec<u8> {
        let names = std::iter::once(&skeleton.name).chain(&skeleton.nodes);
        let edges = skeleton.edges.iter().flatten();
        bundle(vec![
            self.message("skeleton", names.map(|name| string(name)).collect()),
            self.message("edges", edges.map(|node| int(u64::from(*node))).collect()),
        ])
    }

    pub(crate) fn end(&self, poses: u64) -> Vec<u8> {
        bundle(vec![self.message("end", vec![int(poses)])])
    }

    /// A message at an address of this stream.
    fn message(&self, name: &str, args: Vec<OscType>) -> OscPacket {
        message(format!("{}/{name}", self.root), args)
    }

    /// A rule was entered or left.
    pub(crate) fn event(event: &EventMessage<'_>) -> Vec<u8> {
        let mut args = vec![
            string(event.output),
            string(event.rule),
            int(u64::from(event.edge == "enter")),
            string(event.animal.unwrap_or_default()),
            int(event.frame_id),
        ];
        args.extend(time(event.captured_us));
        args.push(float(event.value.map(|value| value as f32)));
        args.push(string(event.cause));
        args.extend(event.moment.map(int));
        bundle(vec![message(format!("{}/event", root(event.stream)), args)])
    }

    /// Poses that were computed: with the standard deviation of each node, where there is one.
    fn derived(&self, frame_id: u64, derived: &DerivedPoses) -> Vec<OscPacket> {
        let mut messages = Vec::new();
        let id = int(frame_id);
        let xy = |point: &Option<[f32; 2]>| [0, 1].map(|axis| float(point.map(|xy| xy[axis])));
        let (ahead, smooth) = (&derived.ahead, &derived.smooth);
        if let Some(ahead) = ahead {
            let args = vec![id.clone(), OscType::Float(ahead.by_ms as f32)];
            messages.push(self.message("ahead_by", args));
            let rows = ahead.instances.iter().zip(&ahead.sd);
            messages.extend(rows.enumerate().flat_map(|(index, (points, sd))| {
                let nodes = points.iter().zip(sd);
                let nodes = nodes.map(|(point, sd)| [&xy(point)[..], &[float(*sd)]].concat());
                self.nodes_of("ahead", &id, index, nodes.collect())
            }));
        }
        if let Some(smooth) = smooth {
            let rows = smooth.instances.iter().enumerate();
            messages.extend(rows.flat_map(|(index, points)| {
                let nodes = points.iter().map(|point| xy(point).to_vec());
                self.nodes_of("smooth", &id, index, nodes.collect())
            }));
        }
        messages
    }

    /// The values of the nodes of an instance, as one message or as one for each.
    fn nodes_of(
        &self,
        kind: &str,
        id: &OscType,
        index: usize,
        nodes: Vec<Vec<OscType>>,
    ) -> Vec<OscPacket> {
        match self.layout {
            OscLayout::Instances => {
                let mut args = vec![id.clone(), int(index as u64)];
                args.extend(nodes.into_iter().flatten());
                vec![self.message(kind, args)]
            }
            OscLayout::Nodes => {
                let named = nodes.into_iter().enumerate().map(|(node, values)| {
                    let args = std::iter::once(id.clone()).chain(values).collect();
                    self.message(&format!("{kind}/{index}/{}", self.node(node)), args)
                });
                named.collect()
            }
        }
    }

    /// A node's name in an address.
    fn node(&self, node: usize) -> String {
        match self.nodes.get(node) {
            Some(name) => name.clone(),
            None => format!("node_{node}"),
        }
    }

    /// One message with all nodes of an instance.
    fn whole(&self, prediction: &Prediction, index: usize) -> OscPacket {
        let score = prediction.instance_scores.get(index).copied().flatten();
        let mut args = vec![int(prediction.frame_id), int(index as u64), float(score)];
        let nodes = 0..prediction.instances[index].len();
        args.extend(nodes.flat_map(|node| point(prediction, index, node)));
        self.message("pose", args)
    }

    /// A message for each node of an instance.
    fn by_node<'a>(
        &'a self,
        prediction: &'a Prediction,
        index: usize,
    ) -> impl Iterator<Item = OscPacket> + 'a {
        let points = prediction.instances[index].len();
        (0..points).map(move |node| {
            let name = self.node(node);
            let args = std::iter::once(int(prediction.frame_id))
                .chain(point(prediction, index, node))
                .collect();
            self.message(&format!("pose/{index}/{name}"), args)
        })
    }
}

/// x, y and confidence; NaN for missing values.
fn point(prediction: &Prediction, instance: usize, node: usize) -> [OscType; 3] {
    let xy = prediction.instances[instance][node];
    let confidence = prediction.confidence.get(instance);
    let confidence = confidence.and_then(|row| row.get(node)).copied().flatten();
    [
        float(xy.map(|xy| xy[0])),
        float(xy.map(|xy| xy[1])),
        float(confidence),
    ]
}

/// A node's name as a part of an address, in which some characters have a special meaning.
fn address(name: &str) -> String {
    let plain = |c: char| match c {
        ' ' | '#' | '*' | ',' | '/' | '?' | '[' | ']' | '{' | '}' => '_',
        c if c.is_ascii_graphic() => c,
        _ => '_',
    };
    name.chars().map(plain).collect()
}

/// The 32-bit core type where it holds the number; the 64-bit type is an extension.
fn int(value: u64) -> OscType {
    match i32::try_from(value) {
        Ok(value) => OscType::Int(value),
        Err(_) => OscType::Long(value as i64),
    }
}

/// Seconds and microseconds.
fn time(micros: u64) -> [OscType; 2] {
    [int(micros / 1_000_000), int(micros % 1_000_000)]
}

fn float(value: Option<f32>) -> OscType {
    OscType::Float(value.unwrap_or(f32::NAN))
}

/// OSC strings are ASCII and end with a zero byte.
fn string(text: &str) -> OscType {
    let plain = |c: char| if matches!(c, ' '..='~') { c } else { '_' };
    OscType::String(text.chars().map(plain).collect())
}

fn message(addr: String, args: Vec<OscType>) -> OscPacket {
    OscPacket::Message(OscMessage { addr, args })
}

fn bundle(content: Vec<OscPacket>) -> Vec<u8> {
    let bundle = OscPacket::Bundle(OscBundle {
        timetag: IMMEDIATELY,
        content,
    });
    encoder::encode(&bundle).expect("writing into memory does not fail")
}

#[cfg(test)]
mod tests;
