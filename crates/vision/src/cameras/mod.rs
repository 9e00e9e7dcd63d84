//! The cameras of this machine and what they can do.

// Without V4L2 there are no controls to find and set.
#[cfg_attr(not(target_os = "linux"), allow(dead_code))]
mod controls;
#[cfg(not(target_os = "linux"))]
mod elsewhere;
mod genicam;
mod stamps;
#[cfg(target_os = "linux")]
mod v4l2;

#[cfg(target_os = "linux")]
pub(crate) use v4l2::{CaptureDevice, Colours, Filled, StreamFormat, format_letters};

pub use controls::{Control, ControlError, ControlKind, MenuEntry};
pub use genicam::{GenICamCamera, genicam, genicam_library};
pub use stamps::{StampClock, StampEdge, Stamps};

/// Formats that are JPEGs.
pub const JPEG: [&str; 2] = ["MJPG", "JPEG"];

/// What to do where a user has no permission to open cameras.
pub const GROUP_ADVICE: &str =
    "join the group `video` (sudo usermod -aG video $USER) and log in again";

/// A camera.
#[derive(Debug, Clone, PartialEq)]
pub struct Camera {
    /// The number that opens it.
    pub index: u32,
    /// Its name, from its driver.
    pub name: String,
    /// Its device file, where the system has such.
    pub path: Option<String>,
    /// Where it is plugged in, as the system describes it.
    pub bus: Option<String>,
    /// Formats and sizes, in the driver's order; empty where the system does not list them.
    pub modes: Vec<Mode>,
    /// Why it cannot be used now.
    pub problem: Option<Problem>,
}

impl Camera {
    /// Whether it delivers JPEGs.
    pub fn has_jpeg(&self) -> bool {
        self.modes
            .iter()
            .any(|mode| JPEG.contains(&mode.format.as_str()))
    }
}

/// A format in a size.
#[derive(Debug, Clone, PartialEq)]
pub struct Mode {
    /// Four letters: `MJPG`, `YUYV`.
    pub format: String,
    /// The size of its frames.
    pub size: Size,
    /// Frames per second that can be asked for, fastest first; empty where the driver does not list
    /// them.
    pub rates: Vec<f64>,
}

/// Sizes in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Size {
    /// Width and height.
    Exactly(u32, u32),
    /// All sizes from the first to the second.
    Between((u32, u32), (u32, u32)),
}

impl std::fmt::Display for Size {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Size::Exactly(width, height) => write!(f, "{width}x{height}"),
            Size::Between(least, most) => {
                write!(f, "{}x{} to {}x{}", least.0, least.1, most.0, most.1)
            }
        }
    }
}

/// Why a camera that is there cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The user has no permission to open it.
    #[error("no permission to open {device}: {GROUP_ADVICE}")]
    Permission {
        /// The device file.
        device: String,
    },
    /// Another program streams from it.
    #[error("busy: another program has it{}. Close that program, then try again", holders(.by))]
    Busy {
        /// Names of the programs, as far as this user has permission to see them.
        by: Vec<String>,
    },
    /// Something else.
    #[error("{0}")]
    Other(String),
}

fn holders(by: &[String]) -> String {
    match by {
        [] => String::new(),
        names => format!(" ({})", names.join(", ")),
    }
}

/// The cameras, by number.
#[cfg(target_os = "linux")]
pub fn list() -> Vec<Camera> {
    v4l2::list()
}

/// What can be set at the camera with this number; empty where its driver has nothing, or cannot be
/// opened.
#[cfg(target_os = "linux")]
pub fn controls(index: u32) -> Vec<Control> {
    v4l2::controls(index)
}

/// What can be set at the camera with this number: nothing on this system.
#[cfg(not(target_os = "linux"))]
pub fn controls(_index: u32) -> Vec<Control> {
    Vec::new()
}

/// The cameras, by number: those that open. Only their numbers and present sizes are known here.
#[cfg(not(target_os = "linux"))]
pub fn list() -> Vec<Camera> {
    elsewhere::list()
}
