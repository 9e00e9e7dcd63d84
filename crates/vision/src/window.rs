//! One window that shows frames.

use std::marker::PhantomData;
use std::sync::Mutex;
use std::thread::{self, ThreadId};

use opencv::highgui;

use crate::Image;
use crate::mat::{ImageError, view};

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
    /// All windows have to be used on the thread that opened the first one.
    #[error("windows can only be used on the thread that opened the first one; this is another")]
    WrongThread,
    /// The image cannot be shown, or OpenCV failed.
    #[error(transparent)]
    Image(#[from] ImageError),
}

/// Whether the window is still there after a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowStatus {
    /// Yes.
    Open,
    /// The user closed it: q, Esc or the close button.
    Closed,
}

/// A display that windows can be opened on, with its size where that is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Display {
    size: Option<(u32, u32)>,
}

/// Whether windows can be shown. OpenCV ends the whole process where they cannot, so this connects
/// to the X server first.
pub fn probe() -> Result<(), NoDisplay> {
    display().map(|_| ())
}

/// X servers listen on this TCP port plus the display's number.
#[cfg(target_os = "linux")]
const X_PORT: u16 = 6000;

/// The 10 of `host:10.0`.
#[cfg(target_os = "linux")]
fn display_number(display: &str) -> Option<u16> {
    let (_, rest) = display.rsplit_once(':')?;
    rest.split('.').next()?.parse().ok()
}

#[cfg(target_os = "linux")]
fn display() -> Result<Display, NoDisplay> {
    use std::sync::OnceLock;
    use x11rb::connection::Connection;
    use x11rb::rust_connection::RustConnection;

    let value = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let Some(display) = value("DISPLAY") else {
        return Err(match value("WAYLAND_DISPLAY") {
            Some(wayland) => NoDisplay::WaylandOnly(wayland),
            None => NoDisplay::NotSet,
        });
    };
    if display_number(&display).is_some_and(|number| number > u16::MAX - X_PORT) {
        // x11rb 0.14 adds the two without a check.
        let reason = "there is no display of so high a number".to_owned();
        return Err(NoDisplay::Unusable { display, reason });
    }
    /// An X server that loses its last client may restart, and refuses connections while it does:
    /// the first connection is kept.
    static KEPT: OnceLock<RustConnection> = OnceLock::new();
    match RustConnection::connect(None) {
        Ok((connection, number)) => {
            let root = connection.setup().roots.get(number);
            let size = root.map(|root| {
                (
                    u32::from(root.width_in_pixels),
                    u32::from(root.height_in_pixels),
                )
            });
            // If one is kept already, this one is not needed.
            let _ = KEPT.set(connection);
            Ok(Display { size })
        }
        Err(error) => Err(NoDisplay::Unusable {
            display,
            reason: error.to_string(),
        }),
    }
}

#[cfg(not(target_os = "linux"))]
fn display() -> Result<Display, NoDisplay> {
    Ok(Display { size: None })
}

/// A window on the screen. It stays on the thread that opened it.
pub struct Window {
    /// OpenCV's name of the window, and its first title.
    name: String,
    /// The title, where it is another one.
    title: Option<String>,
    display: Display,
    state: State,
    /// Window calls from another thread hang.
    _not_send: PhantomData<*const ()>,
}

enum State {
    /// Made with the first frame.
    Waiting,
    /// On the screen, for frames of this size.
    Shown {
        width: u32,
        height: u32,
    },
    Closed,
}

impl Window {
    /// Prepares a window; it appears with the first frame.
    pub fn open(title: &str) -> Result<Window, WindowError> {
        let display = display()?;
        claim_thread()?;
        crate::native_logs::quiet_opencv();
        Ok(Window {
            name: title.to_owned(),
            title: None,
            display,
            state: State::Waiting,
            _not_send: PhantomData,
        })
    }

    /// Shows a frame and handles keys and the close button.
    ///
    /// Once closed, the window stays closed: later frames are not shown.
    pub fn show(&mut self, image: &Image) -> Result<WindowStatus, WindowError> {
        match self.state {
            State::Closed => return Ok(WindowStatus::Closed),
            State::Shown { .. } if !self.is_visible() => return Ok(self.close()),
            State::Shown { width, height } if (width, height) == (image.width, image.height) => {}
            _ => self.fit_to(image)?,
        }
        let pixels = view(image)?;
        highgui::imshow(&self.name, &pixels).map_err(ImageError::opencv("show a frame"))?;
        self.poll()
    }

    /// Gives the window another title. A title that the system refuses changes nothing.
    pub fn set_title(&mut self, title: &str) {
        self.title = Some(title.to_owned());
        if matches!(self.state, State::Shown { .. }) {
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

    /// Handles keys and the close button without a new frame.
    ///
    /// Between frames that are far apart, this keeps the window responsive.
    pub fn poll(&mut self) -> Result<WindowStatus, WindowError> {
        if matches!(self.state, State::Waiting) {
            return Ok(WindowStatus::Open);
        }
        let key = highgui::wait_key(1).map_err(ImageError::opencv("read a key"))?;
        if matches!(self.state, State::Closed) || is_quit(key) || !self.is_visible() {
            return Ok(self.close());
        }
        Ok(WindowStatus::Open)
    }

    /// Gives the window the frames' size, or what of it fits on the screen. Later the user may
    /// give it another.
    fn fit_to(&mut self, image: &Image) -> Result<(), WindowError> {
        let what = || ImageError::opencv("open a window");
        image.check().map_err(ImageError::from)?;
        if matches!(self.state, State::Waiting) {
            let mode =
                highgui::WINDOW_NORMAL | highgui::WINDOW_KEEPRATIO | highgui::WINDOW_GUI_NORMAL;
            highgui::named_window(&self.name, mode).map_err(what())?;
            self.apply_title();
        }
        let (width, height) = fit(image, self.display.size);
        highgui::resize_window(&self.name, width, height).map_err(what())?;
        self.state = State::Shown {
            width: image.width,
            height: image.height,
        };
        Ok(())
    }

    fn is_visible(&self) -> bool {
        highgui::get_window_property(&self.name, highgui::WND_PROP_VISIBLE)
            .is_ok_and(|visible| visible >= 1.0)
    }

    fn close(&mut self) -> WindowStatus {
        if matches!(self.state, State::Shown { .. }) {
            // Already destroyed when the close button was used.
            let _ = highgui::destroy_window(&self.name);
            // The window leaves the screen only while events are handled.
            let _ = highgui::wait_key(1);
        }
        self.state = State::Closed;
        WindowStatus::Closed
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        self.close();
    }
}

fn is_quit(key: i32) -> bool {
    const ESCAPE: i32 = 27;
    // Above the low byte are modifier bits.
    key >= 0 && matches!(key & 0xFF, ESCAPE | 0x51 | 0x71)
}

/// The size at which `image` fits on the screen: its own, or smaller.
fn fit(image: &Image, screen: Option<(u32, u32)>) -> (i32, i32) {
    /// What title bars and panels leave of a screen.
    const USABLE: f64 = 0.9;
    let (width, height) = (f64::from(image.width), f64::from(image.height));
    let scale = screen.map_or(1.0, |(screen_width, screen_height)| {
        let across = f64::from(screen_width) * USABLE / width;
        let down = f64::from(screen_height) * USABLE / height;
        across.min(down).min(1.0)
    });
    let scaled = |side: f64| (side * scale).round().max(1.0) as i32;
    (scaled(width), scaled(height))
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
