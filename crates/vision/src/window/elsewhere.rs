//! A window of OpenCV, on systems where no other way was tried.

use opencv::highgui;

use super::{NoDisplay, WindowError, WindowStatus, size_on_screen};
use crate::Image;
use crate::mat::{ImageError, view};

/// A window.
pub(super) struct SystemWindow {
    /// OpenCV's name of the window, and its first title.
    name: String,
    /// The title, where it is another one.
    title: Option<String>,
    /// The size of the frames that are shown.
    shown: Option<(u32, u32)>,
}

impl SystemWindow {
    /// OpenCV does not tell.
    pub(super) fn probe() -> Result<(), NoDisplay> {
        Ok(())
    }

    pub(super) fn open(title: &str) -> Result<SystemWindow, WindowError> {
        crate::native_logs::quiet_opencv();
        Ok(SystemWindow {
            name: title.to_owned(),
            title: None,
            shown: None,
        })
    }

    pub(super) fn show(&mut self, image: &Image) -> Result<WindowStatus, WindowError> {
        if self.shown.is_some() && !self.is_visible() {
            return Ok(WindowStatus::Closed);
        }
        if self.shown != Some((image.width, image.height)) {
            self.fit_to(image)?;
        }
        let pixels = view(image)?;
        highgui::imshow(&self.name, &pixels).map_err(ImageError::opencv("show a frame"))?;
        self.poll()
    }

    fn fit_to(&mut self, image: &Image) -> Result<(), WindowError> {
        let what = || ImageError::opencv("open a window");
        if self.shown.is_none() {
            let mode =
                highgui::WINDOW_NORMAL | highgui::WINDOW_KEEPRATIO | highgui::WINDOW_GUI_NORMAL;
            highgui::named_window(&self.name, mode).map_err(what())?;
            self.apply_title();
        }
        let (width, height) = size_on_screen((image.width, image.height), None);
        let resized = highgui::resize_window(&self.name, width as i32, height as i32);
        resized.map_err(what())?;
        self.shown = Some((image.width, image.height));
        Ok(())
    }

    pub(super) fn set_title(&mut self, title: &str) {
        self.title = Some(title.to_owned());
        if self.shown.is_some() {
            self.apply_title();
        }
    }

    fn apply_title(&self) {
        if let Some(title) = &self.title
            && let Err(error) = highgui::set_window_title(&self.name, title)
        {
            tracing::debug!(%error, "the window keeps its title");
        }
    }

    pub(super) fn poll(&mut self) -> Result<WindowStatus, WindowError> {
        if self.shown.is_none() {
            return Ok(WindowStatus::Open);
        }
        let key = highgui::wait_key(1).map_err(ImageError::opencv("read a key"))?;
        Ok(match is_quit(key) || !self.is_visible() {
            true => WindowStatus::Closed,
            false => WindowStatus::Open,
        })
    }

    fn is_visible(&self) -> bool {
        highgui::get_window_property(&self.name, highgui::WND_PROP_VISIBLE)
            .is_ok_and(|visible| visible >= 1.0)
    }

    pub(super) fn close(&mut self) {
        if self.shown.take().is_some() {
            // Already destroyed when the close button was used.
            let _ = highgui::destroy_window(&self.name);
            // The window leaves the screen only while events are handled.
            let _ = highgui::wait_key(1);
        }
    }
}

fn is_quit(key: i32) -> bool {
    const ESCAPE: i32 = 27;
    // Above the low byte are modifier bits.
    key >= 0 && matches!(key & 0xFF, ESCAPE | 0x51 | 0x71)
}
