//! The real policies in virtual time: queue, flow control, adaptation and the deadline for results
//! between a simulated source, link and worker.

mod config;
mod outcome;
mod scenes;
mod simulation;

use std::time::Duration;

const MS: Duration = Duration::from_millis(1);
