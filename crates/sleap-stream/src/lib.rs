//! The camera side: frames out over WebRTC, poses in.
//!
//! ```text
//! capture thread -> queue -> encode thread -> pump task -> data channel
//!                (newest frame, or all)      (whole frames)
//! data channel -> receiver -> outputs, picture, report
//! ```
//!
//! Every arrow is bounded. What has to wait waits before the encoder, where a live source drops
//! old frames and a file is simply read more slowly.

mod args;
mod encode;
mod flight;
mod output;
mod picture;
mod pump;
mod queue;
mod report;
mod scale;
mod stream;
mod window;

use anyhow::{Context, Result};
use cli::{Exit, Interrupt};

pub use args::{Args, Config};

/// Streams one source to its end.
///
/// Must be called on the process's main thread: where the system has windows, they live there.
pub fn main(config: Config) -> Result<Exit> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    if !config.display {
        return runtime.block_on(async { stream::run(config, None, Interrupt::listen()).await });
    }
    vision::window::probe().context("--display needs a display")?;
    let (screen, frames) = picture::screen();
    let run = runtime.spawn(async { stream::run(config, Some(screen), Interrupt::listen()).await });
    frames.run();
    runtime
        .block_on(run)
        .context("the stream stopped unexpectedly")?
}
