//! `--display`: the newest frame with its poses, for the window.

use std::sync::Arc;
use std::time::Instant;

use protocol::Message;
use vision::frame_window::{AnnotatedFrame, WindowHandle};

use super::window_text::WindowText;
use crate::pipeline::{DecodedFrame, FrameNeeds, FrameSink, StreamHeader};
use crate::streams::ResultRoute;

/// Passes frames to the window.
pub(crate) struct WindowSink {
    window: WindowHandle,
    text: WindowText,
    nodes: Arc<[String]>,
    edges: Arc<[[u32; 2]]>,
    /// What the window shows, while a stream runs.
    last: Option<AnnotatedFrame>,
}

impl WindowSink {
    /// A sink for this window.
    pub(crate) fn new(window: WindowHandle) -> Self {
        Self {
            window,
            text: WindowText::default(),
            nodes: Arc::default(),
            edges: Arc::default(),
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
    }

    fn result(&mut self, frame: &DecodedFrame, result: &Message) {
        let caption = self.text.caption(frame.frame_id, result, Instant::now());
        let Some(content) = frame.content.as_ref().filter(|_| self.window.is_open()) else {
            return;
        };
        let instances = match result {
            Message::Prediction(prediction) => prediction.instances.clone(),
            _ => Vec::new(),
        };
        let frame = AnnotatedFrame {
            content: content.clone(),
            nodes: Arc::clone(&self.nodes),
            edges: Arc::clone(&self.edges),
            instances,
            tracks: Vec::new(),
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
