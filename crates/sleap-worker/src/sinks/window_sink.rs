//! `--display`: the newest frame with its poses, for the window.

use std::sync::Arc;
use std::time::Instant;

use protocol::{Message, Prediction};
use tracks::TrackColors;
use vision::draw::{TrackMark, ZoneMark};
use vision::frame_window::{AnnotatedFrame, WindowHandle};

use super::window_text::WindowText;
use crate::pipeline::{DecodedFrame, FrameNeeds, FrameSink, StreamHeader};
use crate::streams::{ResultRoute, ShownRules};

/// Passes frames to the window.
pub(crate) struct WindowSink {
    window: WindowHandle,
    text: WindowText,
    nodes: Arc<[String]>,
    edges: Arc<[[u32; 2]]>,
    colors: TrackColors,
    rules: ShownRules,
    /// What the window shows, while a stream runs.
    last: Option<AnnotatedFrame>,
}

impl WindowSink {
    /// A sink for this window. `rules`: those whose zones it shows.
    pub(crate) fn new(window: WindowHandle, rules: ShownRules) -> Self {
        Self {
            window,
            text: WindowText::default(),
            nodes: Arc::default(),
            edges: Arc::default(),
            colors: TrackColors::default(),
            rules,
            last: None,
        }
    }
}

impl FrameSink for WindowSink {
    fn needs(&self) -> FrameNeeds {
        FrameNeeds {
            content: true,
            ..FrameNeeds::default()
        }
    }

    fn stream_started(&mut self, stream: &StreamHeader<'_>) {
        let model = stream.model;
        let names = model.map(|model| (model.name.as_str(), model.device.as_str()));
        self.text = WindowText::new(names);
        self.window.set_title(self.text.title());
        let skeleton = stream.skeleton.cloned().unwrap_or_default();
        self.nodes = skeleton.nodes.into();
        self.edges = skeleton.edges.into();
        self.colors = TrackColors::default();
    }

    fn result(&mut self, frame: &DecodedFrame, result: &Message) {
        let caption = self.text.caption(frame.frame_id, result, Instant::now());
        let Some(content) = frame.content.as_ref().filter(|_| self.window.is_open()) else {
            return;
        };
        let (instances, tracks) = match result {
            Message::Prediction(prediction) => {
                let tracks = marks(prediction, &frame.route, &mut self.colors);
                (prediction.instances.clone(), tracks)
            }
            _ => Default::default(),
        };
        let zones = zones(&self.rules, frame.route.origin.size, frame.size);
        let frame = AnnotatedFrame {
            content: content.clone(),
            nodes: Arc::clone(&self.nodes),
            edges: Arc::clone(&self.edges),
            instances,
            tracks,
            zones,
            caption,
        };
        self.last = Some(frame.clone());
        self.window.show(frame);
    }

    /// The last frame stays, with a caption that states it.
    fn stream_ended(&mut self, _: &Arc<ResultRoute>) {
        let caption = self.text.end();
        if let Some(last) = self.last.take() {
            self.window.show(AnnotatedFrame { caption, ..last });
        }
    }
}

/// The zones of all rules, in pixels of the frame. `source`: width and height of the source, 0 where unknown.
fn zones(rules: &ShownRules, source: (u32, u32), frame: (u32, u32)) -> Vec<ZoneMark> {
    let ratio = |source: u32, frame: u32| match source {
        0 => 1.0,
        _ => f64::from(frame) / f64::from(source),
    };
    let scale = [ratio(source.0, frame.0), ratio(source.1, frame.1)];
    let sides = rules.now();
    let drawn = sides
        .iter()
        .flat_map(|side| side.zones.drawn(&side.state, scale));
    drawn.map(ZoneMark::from).collect()
}

/// How the tracks of a prediction are drawn.
fn marks(
    prediction: &Prediction,
    route: &ResultRoute,
    colors: &mut TrackColors,
) -> Vec<Option<TrackMark>> {
    let marks = colors.marks(&prediction.tracks, &route.names_of(prediction));
    marks
        .into_iter()
        .map(|mark| mark.map(TrackMark::from))
        .collect()
}
