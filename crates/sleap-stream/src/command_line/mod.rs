//! Options, settings and subcommands: from the command line to what a run is to do.

pub(crate) mod args;
mod camera_args;
mod camera_controls;
mod cameras;
mod closed_loop_args;
mod commands;
mod connect_config;
mod doctor;
mod genicam_cameras;
mod help;
mod keywords;
mod latency_args;
mod latency_config;
mod named_source;
mod pixel_encoding;
mod rendezvous_args;
mod rules_check;
mod run_config;
mod send_config;
mod settings;
mod several_cameras_args;
mod source_args;
mod sources;
mod stream_config;
mod subcommand;
mod trust_args;
mod values;
mod webcam_args;
mod worker_link;
mod workers;

pub use args::{Args, SendArgs};
pub use commands::{command, print_version, run as run_command};
pub use keywords::PushedConfig;
pub use settings::SETTINGS;
pub use subcommand::Command;
pub use trust_args::TrustArgs;
