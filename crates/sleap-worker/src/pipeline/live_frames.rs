//! The number of frames of streams in the pipeline.

use tokio::sync::watch;

/// Counts frames of streams from the session to their results; clones count together.
#[derive(Debug, Clone, Default)]
pub(super) struct LiveFrames(watch::Sender<usize>);

/// Counts one frame until it is dropped.
#[derive(Debug)]
pub(super) struct LiveFrameGuard(watch::Sender<usize>);

impl LiveFrames {
    /// Counts one more frame.
    pub(super) fn enters(&self) -> LiveFrameGuard {
        self.0.send_modify(|frames| *frames += 1);
        LiveFrameGuard(self.0.clone())
    }

    /// Resolves when there is none.
    pub(super) async fn none(&self) {
        // The sender is here: the wait does not fail.
        let _ = self.0.subscribe().wait_for(|frames| *frames == 0).await;
    }
}

impl Drop for LiveFrameGuard {
    fn drop(&mut self) {
        self.0.send_modify(|frames| *frames -= 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn there_is_none_when_all_have_left() {
        let live = LiveFrames::default();
        live.none().await;
        let (first, second) = (live.enters(), live.enters());
        drop(first);
        let wait = tokio::time::timeout(std::time::Duration::ZERO, live.none());
        assert!(wait.await.is_err());
        drop(second);
        live.none().await;
    }
}
