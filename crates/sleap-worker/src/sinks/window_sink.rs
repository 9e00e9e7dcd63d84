//! `--display`: the newest frame with its poses, for the window.

use std::sync::Arc;

use protocol::Message;
use vision::frame_window::{AnnotatedFrame, WindowHandle};

use crate::pipeline::{DecodedFrame, FrameNeeds, FrameSink, StreamHeader};

/// Passes frames to the window.
pub(crate) struct WindowSink {
    window: WindowHandle,
    nodes: Arc<[String]>,
    edges: Arc<[[u32; 2]]>,
    count: u64,
}

impl WindowSink {
    /// A sink for this window.
    pub(crate) fn new(window: WindowHandle) -> Self {
        Self {
            window,
            nodes: Arc::default(),
            edges: Arc::default(),
            count: 0,
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
        let skeleton = stream.skeleton.cloned().unwrap_or_default();
        self.nodes = skeleton.nodes.into();
        self.edges = skeleton.edges.into();
    }

    fn result(&mut self, frame: &DecodedFrame, result: &Message) {
        self.count += 1;
        let Some(content) = frame.content.as_ref().filter(|_| self.window.is_open()) else {
            return;
        };
        let instances = match result {
            Message::Prediction(prediction) => prediction.instances.clone(),
            _ => Vec::new(),
        };
        self.window.show(AnnotatedFrame {
            content: content.clone(),
            nodes: Arc::clone(&self.nodes),
            edges: Arc::clone(&self.edges),
            instances,
            caption: format!("frame {}   {} received", frame.frame_id, self.count),
        });
    }
}
