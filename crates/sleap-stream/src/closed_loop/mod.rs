//! Events from poses, and what they switch: rules are evaluated where results arrive.
//!
//! ```text
//! result -> RuleRunner::pose -> RuleEngine -> Switches -> ports, targets      on the task that receives
//!                                    '-> bounded queue -> EventLog            a thread that writes files
//! clock thread -> pulses that end, poses that have stopped -> ports, targets
//! ```

mod file;
mod log;
mod machine;
mod outputs;
mod poses;
mod runner;

pub(crate) use file::{LoadedRules, check_poses, load, with_hint};
pub(crate) use log::event_json;
pub(crate) use outputs::OpenOutputs;
pub(crate) use poses::{frame_poses, names};
pub(crate) use runner::{BoundRules, EndedRules, RuleRunner};
