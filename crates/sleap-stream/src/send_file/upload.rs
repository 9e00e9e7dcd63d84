//! The file's bytes on their way to the worker.

use std::path::Path;
use std::sync::Arc;

use anyhow::anyhow;
use protocol::{Message, UploadStart};

use super::exchange::Exchange;
use super::file_channel::{FileChannel, TransferError, busy, refused, short};
use super::progress::TransferPhase;
use super::source;

impl Exchange<'_> {
    /// Sends what the worker lacks of the file, and waits until it has checked it.
    pub(super) async fn upload(
        &mut self,
        channel: &mut FileChannel<'_>,
    ) -> Result<(), TransferError> {
        let bytes = self.file.bytes;
        let start = UploadStart {
            name: self.config.name.clone(),
            bytes,
            dest: String::new(),
            create_subdir: false,
        };
        channel.send(Message::UploadStart(start)).await?;
        let offset = self.ready(channel).await?.unwrap_or(0);
        if offset > bytes {
            return Err(anyhow!("the worker wants byte {offset} of a file of {bytes}").into());
        }
        if offset > 0 {
            tracing::info!(offset, bytes, "the upload goes on where it was");
            let event = serde_json::json!({"offset": offset, "bytes_total": bytes});
            self.progress.event("resumed", event);
        }
        self.send_bytes(channel, offset).await?;
        channel.send(Message::UploadEnd).await?;
        if channel.received.is_none() {
            self.progress.activity("the worker checks the file");
        }
        self.confirmed(channel, offset).await
    }

    /// Sends the bytes from `offset` on.
    async fn send_bytes(
        &mut self,
        channel: &mut FileChannel<'_>,
        offset: u64,
    ) -> Result<(), TransferError> {
        let (file, bytes) = (&self.config.file, self.file.bytes);
        self.progress.at(TransferPhase::Upload, offset, Some(bytes));
        let mut at = offset;
        let mut blocks = source::blocks(Arc::from(file.as_path()), offset);
        while let Some(block) = blocks.recv().await {
            let block = block.map_err(|error| changed(file, &error))?;
            for chunk in source::chunks(&block) {
                let sent = chunk.len() as u64;
                at += sent;
                if at > bytes {
                    return Err(changed(file, &"it grew").into());
                }
                self.totals.sent(sent, at);
                channel.send(Message::Chunk(chunk)).await?;
            }
            // Much may still be in the link's buffers; a worker that reports what it has shows where
            // the upload is.
            let there = channel.received.map_or(at, |there| there.clamp(offset, at));
            self.progress.at(TransferPhase::Upload, there, Some(bytes));
        }
        match at < bytes {
            true => Err(changed(file, &"it shrank").into()),
            false => Ok(()),
        }
    }

    /// Waits until the worker has the complete file.
    async fn confirmed(
        &mut self,
        channel: &mut FileChannel<'_>,
        offset: u64,
    ) -> Result<(), TransferError> {
        let bytes = self.file.bytes;
        loop {
            match channel.recv().await? {
                Message::Complete(_) => {
                    self.progress.at(TransferPhase::Upload, bytes, Some(bytes));
                    return Ok(());
                }
                Message::Progress { received, .. } => {
                    let there = received.clamp(offset, bytes);
                    self.progress.at(TransferPhase::Upload, there, Some(bytes));
                }
                // The part that was there has made it another file, and is deleted.
                Message::UploadError(reason) if offset > 0 && busy(&reason).is_none() => {
                    return Err(TransferError::Damaged(short(&reason)));
                }
                other => refused(other)?,
            }
        }
    }
}

fn changed(file: &Path, why: &dyn std::fmt::Display) -> anyhow::Error {
    anyhow!("{} changed while it was sent: {why}", file.display())
}
