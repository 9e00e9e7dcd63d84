//! What the command lines of `sleap-stream` and `sleap-worker` share.

#![warn(clippy::print_stdout, clippy::print_stderr, missing_docs)]

mod cleaning_args;
pub mod doctor;
mod emit_args;
mod exit;
mod fields;
mod flow_args;
mod ice_credentials;
mod interrupt;
mod kalman_args;
mod keywords;
mod link_args;
mod logging;
mod manual;
mod owned_file;
mod pairing;
mod private_file;
pub mod program_info;
mod room_args;
mod secret_args;
mod secret_source;
pub mod settings;
mod short_help;
mod similar;
mod stored_secret;
pub mod terminal;
mod tracking_args;
mod usage;
mod variable;
mod watched_state;
mod worker_name;

pub use clap_complete::Shell;
pub use cleaning_args::CleaningArgs;
pub use emit_args::EmitArgs;
pub use exit::{ExitStatus, report};
pub use flow_args::FlowArgs;
pub use interrupt::Interrupt;
pub use kalman_args::{KalmanArgs, NodeIndices};
pub use keywords::{Keyword, KeywordError, KeywordOptions, KeywordValue};
pub use link_args::{DEFAULT_SIGNAL, LinkArgs, is_on_this_machine, websocket_url};
pub use logging::{LogArgs, LogFormat, forward_log, in_lines, say, say_error};
pub use manual::manual;
pub use pairing::{PairingLink, PairingLinkError};
pub use private_file::{FileOrigin, read as read_private, read_list};
pub use room_args::{RoomArgs, login_ends, no_room_secret};
pub use secret_args::{Redacted, SecretArgs, is_in_process_list};
pub use secret_source::{FoundSecret, SecretChoice};
pub use short_help::with_short_help;
pub use similar::nearest;
pub use stored_secret::{data_folder, data_folder_of, stored_secret, stored_secret_at};
pub use tracking_args::{TrackingArgs, TrackingArgsError};
pub use usage::{end_with, usage_message};
pub use watched_state::WatchedState;
pub use worker_name::{as_plain_name, plain_name, printable_name};
