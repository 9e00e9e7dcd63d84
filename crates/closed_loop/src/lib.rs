#![doc = include_str!("../README.md")]
#![warn(missing_docs)]
#![warn(clippy::print_stdout, clippy::print_stderr)]

mod edit;
mod file;
mod log;
mod machine;
mod outputs;
mod poses;
mod runner;
mod source;
mod view;

pub use file::{LoadedRules, check_events_name, check_poses, load, with_hint};
pub use labels::OriginColumns;
pub use log::{EventReporter, EventsFile, ExistingEvents, LoggedEvent, event_json};
pub use outputs::OpenOutputs;
pub use poses::{frame_poses, names};
pub use runner::{BoundRules, EndedRules, RuleRunner, RuleStream};
pub use source::{EventOrigin, RuleSource};
pub use view::SeenRules;
