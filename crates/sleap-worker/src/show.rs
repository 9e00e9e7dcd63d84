//! `--display`: the newest frame with its poses, for the window.

use std::sync::Arc;

use protocol::Message;
use vision::frame_window::{self, AnnotatedFrame};

use crate::pipeline::Decoded;

/// The pipeline's end of the window.
pub(crate) struct Screen {
    screen: frame_window::WindowHandle,
    nodes: Arc<[String]>,
    edges: Arc<[[u32; 2]]>,
    count: u64,
}

impl Screen {
    pub(crate) fn new(
        screen: frame_window::WindowHandle,
        model: Option<&pose::ModelDescription>,
    ) -> Self {
        let skeleton = model.map(|model| &model.skeleton);
        Self {
            screen,
            nodes: skeleton.map_or_else(Arc::default, |skeleton| skeleton.nodes.clone().into()),
            edges: skeleton.map_or_else(Arc::default, |skeleton| skeleton.edges.clone().into()),
            count: 0,
        }
    }

    pub(crate) fn show(&mut self, decoded: &Decoded, answer: &Message) {
        self.count += 1;
        let Some(content) = decoded.picture.as_ref().filter(|_| self.screen.is_open()) else {
            return;
        };
        let instances = match answer {
            Message::Prediction(prediction) => prediction.instances.clone(),
            _ => Vec::new(),
        };
        self.screen.show(AnnotatedFrame {
            content: content.clone(),
            nodes: Arc::clone(&self.nodes),
            edges: Arc::clone(&self.edges),
            instances,
            caption: format!("frame {}   {} received", decoded.frame_id, self.count),
        });
    }
}
