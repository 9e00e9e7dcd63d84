//! What the command lines of `sleap-stream` and `sleap-worker` share.

pub mod about;
pub mod checkup;
mod emit_args;
mod exit;
mod ice_credentials;
mod interrupt;
mod link_args;
mod logging;
pub mod settings;
pub mod terminal;

pub use clap_complete::Shell;
pub use emit_args::EmitArgs;
pub use exit::{Exit, report};
pub use interrupt::Interrupt;
pub use link_args::{DEFAULT_SIGNAL, LinkArgs, websocket_url};
pub use logging::{LogFormat, init as init_logging};
