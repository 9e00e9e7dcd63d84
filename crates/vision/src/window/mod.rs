//! One window that shows frames.

#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(target_os = "linux")]
mod x11;
#[cfg(target_os = "linux")]
mod x11_connect;
#[cfg(target_os = "linux")]
mod x11_keys;
#[cfg(target_os = "linux")]
mod x11_pixels;

use std::marker::PhantomData;
use std::sync::Mutex;
use std::thread::{self, ThreadId};

#[cfg(not(target_os = "linux"))]
use elsewhere::SystemWindow;
#[cfg(target_os = "linux")]
use x11::SystemWindow;

use crate::Image;
use crate::mat::ImageError;

/// Why no window can be shown here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoDisplay {
    /// No display is configured.
    #[error(
        "no display: DISPLAY is not set. Run on a desktop, over `ssh -X`, or under `xvfb-run`, or leave the window out"
    )]
    NotSet,
    /// A Wayland session without X.
    #[error(
        "no X display: this Wayland session ({0}) has no Xwayland (DISPLAY is not set). Start Xwayland, or leave the window out"
    )]
    WaylandOnly(String),
    /// The variable is set, and the server is not there or refuses the connection.
    #[error(
        "the display {display:?} cannot be used: {reason}. Check DISPLAY and the permission to use that screen, or leave the window out"
    )]
    Unusable {
        /// Value of `DISPLAY`.
        display: String,
        /// The connection's error.
        reason: String,
    },
}

/// Why a frame was not shown.
#[derive(Debug, thiserror::Error)]
pub enum WindowError {
    /// There is no screen.
    #[error(transparent)]
    NoDisplay(#[from] NoDisplay),
    /// The screen was there, and is gone.
    #[error("the display {display:?} is lost: {reason}")]
    Lost {
        /// Value of `DISPLAY`.
        display: String,
        /// The connection's error.
        reason: String,
    },
    /// All windows have to be used on the thread that opened the first one.
    #[error("windows can only be used on the thread that opened the first one; this is another")]
    WrongThread,
    /// The image cannot be shown.
    #[error(transparent)]
    Image(#[from] ImageError),
}

/// Whether the window is still there after a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowStatus {
    /// Yes.
    Open,
    /// The user closed it: q, Esc ([`EscapeKey`]) or the close button.
    Closed,
}

/// What Esc does in a window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum EscapeKey {
    /// It closes the window, as q does.
    #[default]
    Closes,
    /// It is [`WindowInput::Back`].
    GoesBack,
}

/// What a user does in a window, beside closing it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum WindowInput {
    /// A click on the picture: where, from the left and from the top; both sides are from 0 to 1.
    Click((f64, f64)),
    /// A key from 1 to 9.
    Digit(u8),
    /// g, a click with the right button, or Esc where that does not close the window.
    Back,
}

/// A key that means something in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WindowKey {
    Quit,
    Escape,
    Back,
    Digit(u8),
}

/// What a user has done in a window.
#[derive(Debug, Default)]
struct WindowInputs {
    escape: EscapeKey,
    inputs: Vec<WindowInput>,
}

impl WindowInputs {
    /// More than a user does between two looks; further ones are left out.
    const MOST: usize = 64;

    fn add(&mut self, input: WindowInput) {
        if self.inputs.len() < Self::MOST {
            self.inputs.push(input);
        }
    }

    /// A key was pressed. Whether it closes the window.
    fn closes(&mut self, key: WindowKey) -> bool {
        match key {
            WindowKey::Quit => return true,
            WindowKey::Escape if self.escape == EscapeKey::Closes => return true,
            WindowKey::Escape | WindowKey::Back => self.add(WindowInput::Back),
            WindowKey::Digit(digit) => self.add(WindowInput::Digit(digit)),
        }
        false
    }
}

/// Whether windows can be shown.
pub fn probe() -> Result<(), NoDisplay> {
    SystemWindow::probe()
}

/// A window on the screen. It stays on the thread that opened it.
pub struct Window {
    system: SystemWindow,
    status: WindowStatus,
    inputs: WindowInputs,
    /// On some systems windows belong to the thread that made them.
    _not_send: PhantomData<*const ()>,
}

impl Window {
    /// Prepares a window; it appears with the first frame.
    pub fn open(title: &str) -> Result<Window, WindowError> {
        probe()?;
        claim_thread()?;
        Ok(Window {
            system: SystemWindow::open(title)?,
            status: WindowStatus::Open,
            inputs: WindowInputs::default(),
            _not_send: PhantomData,
        })
    }

    /// Shows a frame and handles keys and the close button. The window gets the size of the frame, or what of it fits on
    /// the screen, where the frame has another size than the last one that was shown so.
    ///
    /// Once closed, the window stays closed: later frames are not shown.
    pub fn show(&mut self, image: &Image) -> Result<WindowStatus, WindowError> {
        self.show_with(image, true)
    }

    /// As [`show`](Self::show), and the window keeps its size.
    pub fn show_in_room(&mut self, image: &Image) -> Result<WindowStatus, WindowError> {
        self.show_with(image, false)
    }

    fn show_with(&mut self, image: &Image, resizes: bool) -> Result<WindowStatus, WindowError> {
        if self.status == WindowStatus::Open {
            image.check().map_err(ImageError::from)?;
            let status = self.system.show(image, resizes, &mut self.inputs)?;
            self.follow(status);
        }
        Ok(self.status)
    }

    /// Width and height of the window's inside; `None` before the first frame, and where it is not known.
    pub fn room(&self) -> Option<(u32, u32)> {
        self.system.room()
    }

    /// What Esc does from now on.
    pub fn set_escape_key(&mut self, escape: EscapeKey) {
        self.inputs.escape = escape;
    }

    /// What the user has done since the last call.
    pub fn take_inputs(&mut self) -> Vec<WindowInput> {
        std::mem::take(&mut self.inputs.inputs)
    }

    /// Gives the window another title. A title that the system refuses changes nothing.
    pub fn set_title(&mut self, title: &str) {
        if self.status == WindowStatus::Open {
            self.system.set_title(title);
        }
    }

    /// Handles keys and the close button without a new frame.
    ///
    /// Between frames that are far apart, this keeps the window responsive.
    pub fn poll(&mut self) -> Result<WindowStatus, WindowError> {
        if self.status == WindowStatus::Open {
            let status = self.system.poll(&mut self.inputs)?;
            self.follow(status);
        }
        Ok(self.status)
    }

    fn follow(&mut self, status: WindowStatus) {
        if status == WindowStatus::Closed {
            self.system.close();
        }
        self.status = status;
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        if self.status == WindowStatus::Open {
            self.system.close();
        }
    }
}

/// The size at which a picture fits on a screen: its own, or smaller.
fn size_on_screen(picture: (u32, u32), screen: Option<(u32, u32)>) -> (u32, u32) {
    /// What title bars and panels leave of a screen.
    const USABLE: f64 = 0.9;
    let usable = |side: u32| f64::from(side) * USABLE;
    let scale = screen.map_or(1.0, |(width, height)| {
        scale_into(picture, (usable(width), usable(height)))
    });
    scaled(picture, scale.min(1.0))
}

/// The factor at which a picture is as large as fits into a rectangle.
fn scale_into((width, height): (u32, u32), rectangle: (f64, f64)) -> f64 {
    (rectangle.0 / f64::from(width)).min(rectangle.1 / f64::from(height))
}

fn scaled((width, height): (u32, u32), scale: f64) -> (u32, u32) {
    let side = |side: u32| (f64::from(side) * scale).round().max(1.0) as u32;
    (side(width), side(height))
}

fn claim_thread() -> Result<(), WindowError> {
    static OWNER: Mutex<Option<ThreadId>> = Mutex::new(None);
    let mut owner = OWNER
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    let here = thread::current().id();
    if *owner.get_or_insert(here) != here {
        return Err(WindowError::WrongThread);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_picture_is_as_large_as_it_is_where_the_screen_has_room() {
        let on = |picture, screen| size_on_screen(picture, Some(screen));
        assert_eq!(on((160, 120), (640, 480)), (160, 120));
        assert_eq!(on((1920, 1080), (640, 480)), (576, 324));
        assert_eq!(on((10, 10_000), (640, 480)), (1, 432));
        assert_eq!(size_on_screen((1920, 1080), None), (1920, 1080));
    }
}
