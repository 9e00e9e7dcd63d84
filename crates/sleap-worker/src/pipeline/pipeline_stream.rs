//! The entry of one stream's frames to the pipeline.

use std::sync::Arc;

use protocol::FrameMeta;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio_util::sync::CancellationToken;

use super::PipelineStopped;
use super::engine_output::StreamMark;
use super::frames::{DecodeTask, FrameJob};
use super::live_frames::LiveFrames;
use super::scheduler::StreamId;
use super::stream_queues::StreamQueues;
use crate::metrics::FrameLoss;
use crate::streams::ResultRoute;

/// Bytes of pixels for which a frame takes a place among the large ones that are not decoded: of the largest there is
/// one at a time, of all streams, however small they are as JPEG.
const PLACE_BYTES: u64 = 32 << 20;

/// The bounds of a stream's queue: a client that sends faster than its frames are served waits, and no other does.
#[derive(Debug, Clone, Copy)]
pub(super) struct QueueBounds {
    /// Frames, decoded or not, and marks.
    pub(super) entries: usize,
    /// Places for frames that are not decoded yet.
    pub(super) undecoded: u32,
}

/// The frames of one stream, or of one file, on their way into the pipeline. Dropping it ends the queue; what is in it
/// is still served.
pub(crate) struct PipelineStream {
    pub(super) id: StreamId,
    pub(super) route: Arc<ResultRoute>,
    pub(super) queues: Arc<StreamQueues>,
    /// Places in the queue.
    pub(super) room: Arc<Semaphore>,
    /// Places for frames that are not decoded yet.
    pub(super) undecoded: Arc<Semaphore>,
    /// Places for large frames that are not decoded yet, of all streams.
    pub(super) large: Arc<Semaphore>,
    pub(super) bounds: QueueBounds,
    /// Frames of streams without a result.
    pub(super) live: LiveFrames,
    pub(super) stopped: CancellationToken,
}

impl PipelineStream {
    /// Hands a frame over. Waits for room in the queue of this stream, and for a place for its result: what follows
    /// never waits for the client. A frame whose client has left counts as lost.
    ///
    /// # Errors
    /// The pipeline has stopped; so for all others.
    pub(crate) async fn frame(&self, job: FrameJob) -> Result<(), PipelineStopped> {
        // Before it waits for room: jobs then hand over no further frame.
        let live = (!self.route.is_aside()).then(|| self.live.enters());
        let room = self.room().await?;
        let Some(reply) = self.unless_stopped(self.route.reply_place()).await? else {
            self.route.metrics.lost(FrameLoss::ClientLeft);
            return Ok(());
        };
        let large = large_places_of(&job.frame.meta).min(self.bounds.undecoded);
        let undecoded = [
            self.places(&self.undecoded, 1).await?,
            self.places(&self.large, large).await?,
        ];
        let task = DecodeTask {
            job,
            route: Arc::clone(&self.route),
            reply,
            live,
            undecoded,
        };
        self.queues.push(self.id, task, room);
        Ok(())
    }

    /// Begins the stream at the sinks; its frames follow.
    pub(crate) async fn started(&self) -> Result<(), PipelineStopped> {
        let route = Arc::clone(&self.route);
        self.mark(StreamMark::StreamStarted(route)).await
    }

    /// Ends the stream at the sinks. Resolves once they know: a stream that begins then comes after it.
    pub(crate) async fn ended(&self) -> Result<(), PipelineStopped> {
        let (done, ended) = oneshot::channel();
        let route = Arc::clone(&self.route);
        self.mark(StreamMark::StreamEnded(route, done)).await?;
        self.done(ended).await
    }

    /// A batch of the client begins.
    pub(crate) async fn batch_started(&self) -> Result<(), PipelineStopped> {
        self.queues.start_batch(self.id, self.room().await?);
        Ok(())
    }

    /// The client's batch is over.
    pub(crate) async fn batch_ended(&self) -> Result<(), PipelineStopped> {
        self.queues.end_batch(self.id, self.room().await?);
        Ok(())
    }

    /// Resolves once every frame of this stream that was handed over has its result, and the sinks have finished with
    /// it.
    pub(crate) async fn flush(&self) -> Result<(), PipelineStopped> {
        let (done, flushed) = oneshot::channel();
        let route = Some(Arc::clone(&self.route));
        self.mark(StreamMark::Flush(route, done)).await?;
        self.done(flushed).await
    }

    async fn done(&self, done: oneshot::Receiver<()>) -> Result<(), PipelineStopped> {
        let done = self.unless_stopped(done).await?;
        done.map_err(|_| PipelineStopped)
    }

    async fn mark(&self, mark: StreamMark) -> Result<(), PipelineStopped> {
        self.queues.mark(self.id, mark, self.room().await?);
        Ok(())
    }

    async fn room(&self) -> Result<OwnedSemaphorePermit, PipelineStopped> {
        self.places(&self.room, 1).await
    }

    async fn places(
        &self,
        of: &Arc<Semaphore>,
        number: u32,
    ) -> Result<OwnedSemaphorePermit, PipelineStopped> {
        let places = Arc::clone(of).acquire_many_owned(number);
        let places = self.unless_stopped(places).await?;
        places.map_err(|_| PipelineStopped)
    }

    async fn unless_stopped<T>(&self, wait: impl Future<Output = T>) -> Result<T, PipelineStopped> {
        tokio::select! {
            biased;
            () = self.stopped.cancelled() => Err(PipelineStopped),
            outcome = wait => Ok(outcome),
        }
    }
}

impl Drop for PipelineStream {
    fn drop(&mut self) {
        self.queues.close_stream(self.id);
    }
}

/// Places for large frames that a frame takes.
fn large_places_of(meta: &FrameMeta) -> u32 {
    // Twice the pixels in 16 bits; a JPEG may have colours, also where FRAME_META announces none.
    let sample_bytes = meta.encoding.sample_bytes();
    let bytes = u64::from(meta.width)
        * u64::from(meta.height)
        * sample_bytes.map_or(3, |bytes| bytes * u64::from(meta.channels));
    u32::try_from(bytes / PLACE_BYTES).unwrap_or(u32::MAX)
}
