#![doc = include_str!("../README.md")]
#![warn(missing_docs)]
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod condition;
mod drawn;
mod engine;
mod error;
mod event;
mod file;
mod pose;
mod rule;
mod stream_names;
mod switches;
mod zone;

pub use drawn::ShapeError;
pub use engine::RuleEngine;
pub use error::{Place, RulesError, UnknownWord};
pub use event::{Cause, Edge, Event};
pub use file::MAX_BYTES;
pub use pose::{FramePoses, InstancePoints, PoseKind, Position};
pub use rule::{Output, OutputForm, OutputTarget, Rules};
pub use switches::{Switch, Switches};
pub use zone::{Shape, Zone};
