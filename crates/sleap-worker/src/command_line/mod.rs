//! The command line and the other sources of settings.

mod args;
mod commands;
mod help;

pub use args::{Args, Command};
pub use commands::{SETTINGS, command, print_version};
