//! Systems whose drivers give no more than frames.

use std::time::Duration;

use super::controls::{ControlError, SetControl};
use super::stamps::Stamps;

/// Nothing is looked for here.
pub(crate) struct OpenFiles;

impl OpenFiles {
    pub(crate) fn of(_index: u32) -> OpenFiles {
        OpenFiles
    }

    pub(crate) fn opened_since(&self) -> Option<OpenCamera> {
        None
    }
}

/// There is none.
#[derive(Debug)]
pub(crate) enum OpenCamera {}

impl OpenCamera {
    pub(crate) fn stamps(&self) -> Stamps {
        match *self {}
    }

    pub(crate) fn has_frame(&self) -> bool {
        match *self {}
    }

    pub(crate) fn set(&self, _: &[(&str, &str)]) -> Result<Vec<SetControl>, ControlError> {
        match *self {}
    }

    pub(crate) fn exposure(&self) -> Option<Duration> {
        match *self {}
    }
}
