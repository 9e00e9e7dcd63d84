//! `--display`: the newest frame of the shown stream with its poses, for the window.

use std::sync::{Arc, Weak};
use std::time::Instant;

use protocol::{Message, Prediction};
use tracks::TrackColors;
use vision::draw::{TrackMark, ZoneMark};
use vision::frame_window::{AnnotatedFrame, WindowHandle};

use super::window_text::WindowText;
use crate::pipeline::{DecodedFrame, FrameNeeds, FrameSink, StreamHeader};
use crate::streams::{ResultRoute, ServedStreams, ShownRules};

/// Passes frames to the window.
pub(crate) struct WindowSink {
    window: WindowHandle,
    served: ServedStreams,
    /// The stream that the window shows, or has shown last.
    stream: Weak<ResultRoute>,
    text: WindowText,
    nodes: Arc<[String]>,
    edges: Arc<[[u32; 2]]>,
    colors: TrackColors,
    /// What the window shows, while a stream runs.
    last: Option<AnnotatedFrame>,
}

impl WindowSink {
    /// A sink for this window. `served`: says which stream it shows.
    pub(crate) fn new(window: WindowHandle, served: ServedStreams) -> Self {
        Self {
            window,
            served,
            stream: Weak::new(),
            text: WindowText::default(),
            nodes: Arc::default(),
            edges: Arc::default(),
            colors: TrackColors::default(),
            last: None,
        }
    }

    fn has(&self, stream: &Arc<ResultRoute>) -> bool {
        std::ptr::eq(self.stream.as_ptr(), Arc::as_ptr(stream))
    }
}

impl FrameSink for WindowSink {
    fn needs(&self) -> FrameNeeds {
        FrameNeeds {
            content: true,
            ..FrameNeeds::default()
        }
    }

    /// Model and skeleton are the same for all streams.
    fn stream_started(&mut self, stream: &StreamHeader<'_>) {
        if !self.served.is_shown(stream.stream) {
            return;
        }
        let model = stream.model;
        let names = model.map(|model| (model.name.as_str(), model.device.as_str()));
        self.text = WindowText::new(names);
        self.window.set_title(self.text.title());
        let skeleton = stream.skeleton.cloned().unwrap_or_default();
        self.nodes = skeleton.nodes.into();
        self.edges = skeleton.edges.into();
    }

    fn result(&mut self, frame: &DecodedFrame, result: &Message) {
        if !self.served.is_shown(&frame.route) {
            return;
        }
        if !self.has(&frame.route) {
            self.stream = Arc::downgrade(&frame.route);
            self.colors = TrackColors::default();
            self.text.end();
        }
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
        let zones = zones(self.served.rules(), frame.route.origin.size, frame.size);
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
    fn stream_ended(&mut self, stream: &Arc<ResultRoute>) {
        if !self.has(stream) {
            return;
        }
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
