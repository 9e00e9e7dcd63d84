//! The thread that makes pictures for viewers.

use std::sync::Arc;
use std::thread::JoinHandle;

use anyhow::{Context, Result};
use protocol::Limits;

use super::hub::{Hub, Shot};
use super::picture::Studio;
use crate::frame_decoder::FrameDecoder as Decoder;

/// The thread. Dropping it ends it.
pub(super) struct Previews {
    hub: Arc<Hub>,
    thread: Option<JoinHandle<()>>,
}

impl Previews {
    /// Starts making pictures of what `hub` has.
    ///
    /// # Errors
    /// No decoder or no thread.
    pub(super) fn start(hub: Arc<Hub>, limits: Limits) -> Result<Self> {
        let decoder = Decoder::new(limits).context("cannot set up the JPEG decoder")?;
        let studio = Studio::new(decoder);
        let from = Arc::clone(&hub);
        let thread = std::thread::Builder::new()
            .name("preview".into())
            .spawn(move || {
                step_back();
                run(&from, studio);
            })
            .context("cannot start the preview thread")?;
        Ok(Self {
            hub,
            thread: Some(thread),
        })
    }
}

impl Drop for Previews {
    fn drop(&mut self) {
        self.hub.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Frames of the stream go before pictures of it: where cores are short, this thread waits.
#[cfg(target_os = "linux")]
fn step_back() {
    // Of this thread alone, as Linux has it.
    const LATER: i32 = 10;
    if let Err(error) = rustix::process::setpriority_process(None, LATER) {
        tracing::debug!(%error, "pictures are made with the same priority as poses");
    }
}

#[cfg(not(target_os = "linux"))]
fn step_back() {}

fn run(hub: &Hub, mut studio: Studio) {
    while let Some(Shot { claim, answer }) = hub.next_shot() {
        let wishes = hub.wishes();
        match studio.pictures(&claim.frame, &answer, &wishes) {
            Ok(pictures) => {
                for (wish, picture) in wishes.into_iter().zip(&pictures) {
                    hub.deliver(wish, picture);
                }
            }
            Err(reason) => tracing::debug!(%reason, "no picture of a frame"),
        }
    }
}
