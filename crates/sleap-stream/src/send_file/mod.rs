//! `--send-file`: a video goes to the worker as a file, its predictions come back as one.
//!
//! ```text
//! file -> checksum -> upload (resumes) -> the worker's model -> download -> .slp
//! ```
//!
//! Each connection begins by asking whether the worker has the file: nothing else is needed to continue
//! after a lost connection (`transfer`).

mod download;
mod exchange;
mod file_channel;
mod progress;
mod retry;
mod source;
mod totals;
mod transfer;
mod upload;
mod upload_id;

use std::path::PathBuf;

use anyhow::Result;
use cli::{ExitStatus, Interrupt};
use protocol::FileName;

use crate::connect::ConnectConfig;
use crate::report::events::EventWriter;
use crate::report::mode::ReportMode;

/// What a run that sends a file is to do.
#[derive(Debug)]
pub struct SendConfig {
    /// The video.
    pub(crate) file: PathBuf,
    /// The file's name for the worker.
    pub(crate) name: FileName,
    /// Where the predictions are saved.
    pub(crate) output: PathBuf,
    /// An existing file is replaced.
    pub(crate) overwrite: bool,
    /// How the worker is found.
    pub(crate) connect: ConnectConfig,
    /// What is reported, and where.
    pub(crate) report_mode: ReportMode,
}

/// Sends the file, waits for its predictions and saves them.
pub fn send(config: SendConfig) -> Result<ExitStatus> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let events = EventWriter::of(config.report_mode);
    let outcome = runtime.block_on(async { transfer::run(config, Interrupt::listen()).await });
    runtime.shutdown_background();
    if let (Err(error), Some(events)) = (&outcome, events) {
        events.error(&format!("{error:#}"));
    }
    outcome
}
