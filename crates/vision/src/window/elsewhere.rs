//! A window of OpenCV, on systems where no other way was tried.

use opencv::highgui;

use super::{NoDisplay, WindowError, WindowInputs, WindowKey, WindowStatus, size_on_screen};
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

    pub(super) fn show(
        &mut self,
        image: &Image,
        resizes: bool,
        inputs: &mut WindowInputs,
    ) -> Result<WindowStatus, WindowError> {
        if self.shown.is_some() && !self.is_visible() {
            return Ok(WindowStatus::Closed);
        }
        let is_other = self.shown != Some((image.width, image.height));
        if self.shown.is_none() || (resizes && is_other) {
            self.fit_to(image)?;
        }
        let pixels = view(image)?;
        highgui::imshow(&self.name, &pixels).map_err(ImageError::opencv("show a frame"))?;
        self.poll(inputs)
    }

    /// OpenCV does not tell reliably.
    pub(super) fn room(&self) -> Option<(u32, u32)> {
        self.shown
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

    /// Keys only: clicks do nothing here.
    pub(super) fn poll(&mut self, inputs: &mut WindowInputs) -> Result<WindowStatus, WindowError> {
        if self.shown.is_none() {
            return Ok(WindowStatus::Open);
        }
        let key = highgui::wait_key(1).map_err(ImageError::opencv("read a key"))?;
        let is_closed = meaning(key).is_some_and(|key| inputs.closes(key));
        Ok(match is_closed || !self.is_visible() {
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

/// What a key means in the window.
fn meaning(key: i32) -> Option<WindowKey> {
    const ESCAPE: u8 = 27;
    // Above the low byte are modifier bits.
    let key = u8::try_from(key.checked_rem(256)?).ok()?;
    match key {
        ESCAPE => Some(WindowKey::Escape),
        b'q' | b'Q' => Some(WindowKey::Quit),
        b'g' | b'G' => Some(WindowKey::Back),
        b'1'..=b'9' => Some(WindowKey::Digit(key - b'0')),
        _ => None,
    }
}
