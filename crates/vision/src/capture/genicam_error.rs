//! What can be wrong with a GenICam camera, and what to do about it.

use crate::aravis::{AravisMissing, CallError, CallErrorKind};

/// Why a GenICam camera was not opened.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GenICamError {
    /// The library is not there.
    #[error(transparent)]
    Library(#[from] AravisMissing),
    /// There is no camera at all.
    #[error(
        "no GenICam camera was found. Check its cable and power; one in the network has to be reachable by broadcasts, \
         or give its address: --camera genicam:IP"
    )]
    None,
    /// No camera has this name.
    #[error("there is no GenICam camera {name}. {}", present_text(present))]
    NotFound {
        /// As given.
        name: String,
        /// Those that were found.
        present: Vec<String>,
    },
    /// Several cameras have this name.
    #[error("several GenICam cameras are called {name}: {}. Give the serial number of one", present.join(", "))]
    Several {
        /// As given.
        name: String,
        /// Those that have it.
        present: Vec<String>,
    },
    /// Another program has it.
    #[error("{camera} is controlled by another program: close that program, then try again")]
    Busy {
        /// The camera's name.
        camera: String,
    },
    /// It failed in a way that has no advice of its own.
    #[error("{camera} could not {what}: {reason}")]
    Failed {
        /// The camera's name.
        camera: String,
        /// What it was to do, as a verb.
        what: String,
        /// The library's words.
        reason: String,
    },
    /// It has no such feature.
    #[error("{camera} has no feature {feature}")]
    NoFeature {
        /// The camera's name.
        camera: String,
        /// As given.
        feature: String,
        /// The features that it has.
        names: Vec<String>,
    },
    /// The feature has no such value.
    #[error("{camera} does not take {feature}={value}: {allowed}")]
    Value {
        /// The camera's name.
        camera: String,
        /// The feature's name.
        feature: String,
        /// As given.
        value: String,
        /// What it takes.
        allowed: String,
    },
    /// None of its pixel formats is read here.
    #[error(
        "{camera} sends {present}, and no pixel format that is read here. These are read: {}", known.join(", ")
    )]
    PixelFormat {
        /// The camera's name.
        camera: String,
        /// What it sends.
        present: String,
        /// What is read.
        known: Vec<&'static str>,
    },
    /// It opens, and no frame arrives.
    #[error(
        "{camera} opens but delivered no frame in {seconds} s. A camera in the network: a firewall may drop its packets \
         (UDP). A camera that waits for triggers needs --trigger hardware:LINE"
    )]
    Silent {
        /// The camera's name.
        camera: String,
        /// How long was waited.
        seconds: u64,
    },
    /// It opens, and no frame arrives whole.
    #[error(
        "of {camera} {frames} frames arrived in {seconds} s, each with packets missing. `sleap-stream doctor` checks \
         buffers and MTU; a lower --fps or a smaller --camera-roi needs less"
    )]
    Incomplete {
        /// The camera's name.
        camera: String,
        /// Frames that arrived.
        frames: u64,
        /// How long was waited.
        seconds: u64,
    },
    /// It came back with frames of another size.
    #[error("{camera} came back with frames of {now} instead of {before}")]
    Changed {
        /// The camera's name.
        camera: String,
        /// Width and height before.
        before: String,
        /// Width and height now.
        now: String,
    },
}

impl GenICamError {
    /// A failure of the library, at what the camera was to do.
    pub(super) fn of(
        camera: &str,
        what: impl Into<String>,
    ) -> impl FnOnce(CallError) -> GenICamError {
        move |error| match error.kind {
            CallErrorKind::Busy => GenICamError::Busy {
                camera: camera.to_owned(),
            },
            CallErrorKind::Timeout => GenICamError::Failed {
                camera: camera.to_owned(),
                what: what.into(),
                reason: "it does not answer. Check its cable, power and address".to_owned(),
            },
            CallErrorKind::NotFound | CallErrorKind::Other => GenICamError::Failed {
                camera: camera.to_owned(),
                what: what.into(),
                reason: error.message,
            },
        }
    }
}

fn present_text(present: &[String]) -> String {
    match present {
        [] => "None was found at all: check cable, power and address".to_owned(),
        present => format!("There are: {}", present.join(", ")),
    }
}
