//! `--display`: the newest frame with its poses in a window on the main thread.

use protocol::Message;
use tokio::sync::watch;
use vision::Image;
use vision::draw::{self, Overlay};
use vision::window::{Shown, Window};

use crate::engine::Decoded;

/// What the window shows: a frame and what is known about it.
#[derive(Clone)]
struct Picture {
    frame_id: u64,
    count: u64,
    image: Image,
    nodes: Vec<String>,
    edges: Vec<[u32; 2]>,
    instances: Vec<Vec<Option<[f32; 2]>>>,
}

/// The pipeline's end: takes every frame, keeps the newest for the window.
pub(crate) struct Screen {
    newest: watch::Sender<Option<Picture>>,
    count: u64,
}

/// The window's end.
pub(crate) struct Frames(watch::Receiver<Option<Picture>>);

/// A screen and the frames it shows.
pub(crate) fn screen() -> (Screen, Frames) {
    let (newest, frames) = watch::channel(None);
    (Screen { newest, count: 0 }, Frames(frames))
}

impl Screen {
    pub(crate) fn show(
        &mut self,
        decoded: &Decoded,
        answer: &Message,
        model: Option<&pose::ModelInfo>,
    ) {
        self.count += 1;
        if self.newest.is_closed() {
            return;
        }
        let instances = match answer {
            Message::Prediction(prediction) => prediction.instances.clone(),
            _ => Vec::new(),
        };
        let skeleton = model.map(|model| &model.skeleton);
        self.newest.send_replace(Some(Picture {
            frame_id: decoded.frame_id,
            count: self.count,
            image: decoded.pixels.image.clone(),
            nodes: skeleton
                .map(|skeleton| skeleton.nodes.clone())
                .unwrap_or_default(),
            edges: skeleton
                .map(|skeleton| skeleton.edges.clone())
                .unwrap_or_default(),
            instances,
        }));
    }
}

impl Frames {
    /// Shows frames until the window is closed or the worker ends. The stream goes on without it.
    pub(crate) fn run(mut self) {
        if let Err(error) = self.show_all() {
            tracing::warn!(%error, "the window is lost; the worker goes on without it");
        }
    }

    fn show_all(&mut self) -> Result<(), vision::window::WindowError> {
        let mut window = Window::open("sleap-worker")?;
        let mut shown = Shown::Open;
        while shown == Shown::Open {
            shown = match self.0.has_changed() {
                Err(_) => return Ok(()),
                Ok(false) => window.poll()?,
                Ok(true) => {
                    let picture = self.0.borrow_and_update().clone();
                    match picture {
                        Some(picture) => window.show(&draw(&picture))?,
                        None => window.poll()?,
                    }
                }
            };
        }
        tracing::info!("window closed; the worker goes on without it");
        Ok(())
    }
}

fn draw(picture: &Picture) -> Image {
    let caption = format!("frame {}   {} received", picture.frame_id, picture.count);
    let overlay = Overlay {
        nodes: &picture.nodes,
        edges: &picture.edges,
        instances: &picture.instances,
        caption: &caption,
    };
    draw::overlay(&picture.image, &overlay).unwrap_or_else(|error| {
        tracing::debug!(%error, "cannot draw on the frame");
        picture.image.clone()
    })
}
