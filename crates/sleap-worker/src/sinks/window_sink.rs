//! `--display`: the newest frame of each stream with its poses, for the window.

use std::sync::{Arc, Weak};
use std::time::Instant;

use closed_loop::SeenRules;
use protocol::{Message, Prediction};
use tracks::TrackColors;
use vision::draw::{TrackMark, ZoneMark};
use vision::frame_window::{AnnotatedFrame, WindowHandle, WindowTile};

use super::window_text::WindowText;
use crate::pipeline::{DecodedFrame, FrameNeeds, FrameSink, StreamHeader};
use crate::streams::{ResultRoute, ServedStreams};

/// Passes frames to the window, in which each stream has a tile.
pub(crate) struct WindowSink {
    window: WindowHandle,
    served: ServedStreams,
    /// Model and device, where there is a model: the same for all streams.
    model: Option<(String, String)>,
    nodes: Arc<[String]>,
    edges: Arc<[[u32; 2]]>,
    /// In the order in which they began. One that has ended is the only one.
    streams: Vec<ShownStream>,
}

/// A stream that the window shows.
struct ShownStream {
    route: Weak<ResultRoute>,
    tile: WindowTile,
    text: WindowText,
    colors: TrackColors,
    /// What its tile shows.
    last: Option<AnnotatedFrame>,
    has_ended: bool,
}

impl ShownStream {
    fn is(&self, route: &Arc<ResultRoute>) -> bool {
        std::ptr::eq(self.route.as_ptr(), Arc::as_ptr(route))
    }
}

impl WindowSink {
    /// A sink for this window. `served`: has the rules that are shown.
    pub(crate) fn new(window: WindowHandle, served: ServedStreams) -> Self {
        Self {
            window,
            served,
            model: None,
            nodes: Arc::default(),
            edges: Arc::default(),
            streams: Vec::new(),
        }
    }

    /// The stream of this route, which gets a tile if it has none. One that has ended makes room.
    fn stream(&mut self, route: &Arc<ResultRoute>) -> usize {
        if let Some(index) = self.streams.iter().position(|it| it.is(route)) {
            return index;
        }
        self.streams.retain(|stream| !stream.has_ended);
        let model = self.model.as_ref();
        self.streams.push(ShownStream {
            route: Arc::downgrade(route),
            tile: self.window.tile(route.name()),
            text: WindowText::new(model.map(|(name, device)| (&**name, &**device))),
            colors: TrackColors::default(),
            last: None,
            has_ended: false,
        });
        self.streams.len() - 1
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
        let model = stream.model;
        self.model = model.map(|model| (model.name.clone(), model.device.clone()));
        let skeleton = stream.skeleton.cloned().unwrap_or_default();
        self.nodes = skeleton.nodes.into();
        self.edges = skeleton.edges.into();
        let index = self.stream(stream.stream);
        self.window.set_title(self.streams[index].text.title());
    }

    fn result(&mut self, frame: &DecodedFrame, result: &Message) {
        let index = self.stream(&frame.route);
        let shown = &mut self.streams[index];
        let caption = shown.text.caption(frame.frame_id, result, Instant::now());
        let Some(content) = frame.content.as_ref().filter(|_| shown.tile.is_open()) else {
            return;
        };
        let (instances, tracks) = match result {
            Message::Prediction(prediction) => {
                let tracks = marks(prediction, &frame.route, &mut shown.colors);
                (prediction.instances.clone(), tracks)
            }
            _ => Default::default(),
        };
        let rules = self.served.rules_of(&frame.route);
        let zones = zones(&rules, frame.route.origin.size, frame.size);
        let frame = AnnotatedFrame {
            content: content.clone(),
            nodes: Arc::clone(&self.nodes),
            edges: Arc::clone(&self.edges),
            instances,
            tracks,
            zones,
            caption,
        };
        shown.last = Some(frame.clone());
        shown.tile.show(frame);
    }

    /// Its tile goes. That of the last stream stays, with a caption that states it.
    fn stream_ended(&mut self, stream: &Arc<ResultRoute>) {
        let Some(index) = self.streams.iter().position(|it| it.is(stream)) else {
            return;
        };
        if self.streams.len() > 1 {
            self.streams.remove(index);
            return;
        }
        let shown = &mut self.streams[index];
        shown.has_ended = true;
        let caption = shown.text.end();
        if let Some(last) = shown.last.take() {
            shown.tile.show(AnnotatedFrame { caption, ..last });
        }
    }
}

/// The zones of all rules, in pixels of the frame. `source`: width and height of the source, 0 where unknown.
fn zones(rules: &[SeenRules; 2], source: (u32, u32), frame: (u32, u32)) -> Vec<ZoneMark> {
    let ratio = |source: u32, frame: u32| match source {
        0 => 1.0,
        _ => f64::from(frame) / f64::from(source),
    };
    let scale = [ratio(source.0, frame.0), ratio(source.1, frame.1)];
    let drawn = rules
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
