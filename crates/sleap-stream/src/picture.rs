//! Poses drawn on the frames they belong to: a window while streaming, a PNG at the end.

use std::path::Path;

use anyhow::{Context, Result};
use protocol::{Prediction, Skeleton};
use tokio::sync::watch;
use vision::Image;
use vision::draw::{self, Overlay};
use vision::window::{Shown, Window};

/// A frame and its poses.
#[derive(Clone)]
pub(crate) struct Picture {
    image: Image,
    prediction: Prediction,
    skeleton: Skeleton,
}

impl Picture {
    pub(crate) fn new(image: Image, prediction: Prediction, skeleton: Skeleton) -> Self {
        Self {
            image,
            prediction,
            skeleton,
        }
    }

    fn draw(&self) -> Result<Image> {
        let caption = format!("frame {}", self.prediction.frame_id);
        let overlay = Overlay {
            nodes: &self.skeleton.nodes,
            edges: &self.skeleton.edges,
            instances: &self.prediction.instances,
            caption: &caption,
        };
        draw::overlay(&self.image, &overlay).context("cannot draw the poses")
    }

    /// Writes the picture as PNG.
    pub(crate) fn save(&self, path: &Path) -> Result<()> {
        vision::png::write(path, &self.draw()?)
            .with_context(|| format!("cannot write the picture {}", path.display()))
    }
}

/// The stream's end: keeps the newest picture for the window.
pub(crate) struct Screen(watch::Sender<Option<Picture>>);

/// The window's end.
pub(crate) struct Frames(watch::Receiver<Option<Picture>>);

/// A screen and the pictures it shows.
pub(crate) fn screen() -> (Screen, Frames) {
    let (newest, frames) = watch::channel(None);
    (Screen(newest), Frames(frames))
}

impl Screen {
    pub(crate) fn show(&self, picture: Picture) {
        if !self.0.is_closed() {
            self.0.send_replace(Some(picture));
        }
    }
}

impl Frames {
    /// Shows pictures until the window is closed or the stream ends. The stream goes on without it.
    pub(crate) fn run(mut self) {
        if let Err(error) = self.show_all() {
            tracing::warn!(error = %format_args!("{error:#}"), "the window is lost; the stream goes on without it");
        }
    }

    fn show_all(&mut self) -> Result<()> {
        let mut window = Window::open("sleap-stream")?;
        let mut shown = Shown::Open;
        while shown == Shown::Open {
            let picture = match self.0.has_changed() {
                Err(_) => return Ok(()),
                Ok(true) => self.0.borrow_and_update().clone(),
                Ok(false) => None,
            };
            shown = match picture {
                Some(picture) => window.show(&picture.draw()?)?,
                None => window.poll()?,
            };
        }
        tracing::info!("window closed; the stream goes on without it");
        Ok(())
    }
}
