//! What the command lines of `sleap-stream` and `sleap-worker` share.

pub mod checkup;
mod exit;
mod ice_credentials;
mod interrupt;
mod link_args;
mod logging;

pub use exit::{Exit, report};
pub use interrupt::Interrupt;
pub use link_args::{DEFAULT_SIGNAL, LinkArgs, websocket_url};
pub use logging::init as init_logging;
