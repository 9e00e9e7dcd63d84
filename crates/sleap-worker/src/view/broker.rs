//! Passes frames from the pipeline to viewers: at most one at a time, and only when a picture is due.

use std::sync::atomic::Ordering::{AcqRel, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use protocol::{
    Frame, FrameId, Message, StreamAck, TrackNames, ViewRequest, WorkerStatus, ZoneEdit, ZoneResult,
};
use tokio::sync::{broadcast, mpsc, watch};

use super::picture::{Picture, PictureSpec};
use super::status::ViewStatus;
use super::viewers::{Viewer, Viewers};
use crate::streams::{ResultRoute, RulesWatch, ServedStreams, refused};

/// Time of the next picture while no viewer asks for one.
const NO_PICTURE_DUE: u64 = u64::MAX;

/// Passes frames of the pipeline to viewers that ask for pictures.
///
/// At most one frame at a time is claimed: when a viewer's next picture is due. The claim ends when the
/// pictures are made, or when the frame has failed.
pub(crate) struct ViewBroker {
    begun: Instant,
    /// When the next picture is due, microseconds after `begun`.
    due: AtomicU64,
    claimed: AtomicBool,
    viewers: Mutex<Viewers>,
    pending: Mutex<PendingFrame>,
    changed: Condvar,
    figures: ViewStatus,
    statuses: watch::Sender<WorkerStatus>,
}

#[derive(Default)]
struct PendingFrame {
    pending: Option<FrameWithResult>,
    closed: bool,
}

/// A claimed frame with its result.
pub(super) struct FrameWithResult {
    pub(super) claim: FrameClaim,
    pub(super) result: Message,
}

/// A frame that becomes a picture for viewers. After it is dropped the next frame can be claimed.
pub(crate) struct FrameClaim {
    broker: Arc<ViewBroker>,
    pub(super) frame: Frame,
}

/// The slot of one viewer. Dropping it gives the slot back.
pub(crate) struct ViewerHandle {
    id: u64,
    broker: Arc<ViewBroker>,
    /// Names that it gives tracks are taken, and zones that it draws.
    may_change: bool,
    /// It ends when the viewer is evicted.
    pub(super) pictures: mpsc::Receiver<Picture>,
}

impl ViewBroker {
    pub(crate) fn new(ack: &StreamAck, served: ServedStreams) -> Arc<Self> {
        let figures = ViewStatus::new(ack, served);
        let statuses = watch::Sender::new(figures.status(Instant::now()));
        Arc::new(Self {
            begun: Instant::now(),
            due: AtomicU64::new(NO_PICTURE_DUE),
            claimed: AtomicBool::new(false),
            viewers: Mutex::default(),
            pending: Mutex::default(),
            changed: Condvar::new(),
            figures,
            statuses,
        })
    }

    /// Takes a slot for one more viewer: a free one, or that of a viewer that asks for no pictures.
    /// `may_change`: names that it gives tracks are taken, and zones that it draws.
    pub(super) fn join(self: &Arc<Self>, may_change: bool) -> Option<ViewerHandle> {
        let mut viewers = lock(&self.viewers);
        let (id, pictures) = viewers.join(Instant::now())?;
        self.figures.set_viewers(viewers.len());
        self.plan(&viewers);
        let broker = Arc::clone(self);
        Some(ViewerHandle {
            id,
            broker,
            may_change,
            pictures,
        })
    }

    /// Counts a frame of the shown stream that has arrived, and claims it if a viewer's next picture is due. Cheap
    /// otherwise.
    pub(crate) fn claim(
        self: &Arc<Self>,
        frame: &Frame,
        stream: &Arc<ResultRoute>,
    ) -> Option<FrameClaim> {
        if !self.figures.is_shown(stream) {
            return None;
        }
        self.figures.add_frame(frame.meta.frame_id);
        let due = self.due.load(Relaxed);
        if due == NO_PICTURE_DUE || self.micros(Instant::now()) < due {
            return None;
        }
        if self.claimed.swap(true, AcqRel) {
            return None;
        }
        self.figures.set_size(frame.meta.width, frame.meta.height);
        Some(FrameClaim {
            broker: Arc::clone(self),
            frame: frame.clone(),
        })
    }

    /// Adds a result of the shown stream to the figures of the status.
    pub(crate) fn answered(&self, stream: &Arc<ResultRoute>, result: &Message) {
        if self.figures.is_shown(stream) {
            self.figures.add_result(result);
        }
    }

    /// Sets the number of connected clients.
    pub(crate) fn clients_are(&self, clients: usize) {
        self.figures.set_clients(clients);
    }

    /// The number of viewers.
    pub(crate) fn viewer_count(&self) -> usize {
        lock(&self.viewers).len()
    }

    /// Publishes a status of the time since the last one.
    pub(super) fn publish_status(&self) {
        self.statuses
            .send_replace(self.figures.status(Instant::now()));
    }

    /// The newest status, and each later one.
    pub(super) fn statuses(&self) -> watch::Receiver<WorkerStatus> {
        self.statuses.subscribe()
    }

    /// The rules that are shown, now and later.
    pub(super) fn rules(&self) -> RulesWatch {
        self.figures.rules()
    }

    /// The client's answers to zones that viewers draw.
    pub(super) fn zone_results(&self) -> broadcast::Receiver<ZoneResult> {
        self.figures.zone_results()
    }

    /// Waits for the next frame to make pictures of. `None` after [`close`](Self::close).
    pub(super) fn next_frame(&self) -> Option<FrameWithResult> {
        let idle = |slot: &mut PendingFrame| slot.pending.is_none() && !slot.closed;
        let slot = lock(&self.pending);
        let mut slot = self
            .changed
            .wait_while(slot, idle)
            .unwrap_or_else(PoisonError::into_inner);
        slot.pending.take().filter(|_| !slot.closed)
    }

    /// Ends [`next_frame`](Self::next_frame).
    pub(super) fn close(&self) {
        let mut slot = lock(&self.pending);
        slot.closed = true;
        let unseen = slot.pending.take();
        drop(slot);
        self.changed.notify_all();
        drop(unseen);
    }

    /// The specs of the viewers that take a picture now, each spec once.
    pub(super) fn specs(&self) -> Vec<PictureSpec> {
        lock(&self.viewers).specs(Instant::now())
    }

    /// Publishes a status before the first picture of a stream: zones over it need the size of its source.
    pub(super) fn announce_stream(&self) {
        if self.figures.is_news() {
            self.publish_status();
        }
    }

    /// Gives the picture to the viewers with this spec that take one now.
    pub(super) fn deliver(&self, spec: PictureSpec, picture: &Picture) {
        let mut viewers = lock(&self.viewers);
        viewers.deliver(spec, picture, Instant::now());
        self.plan(&viewers);
    }

    /// Changes a viewer, unless it has left, and sets when the next picture is due.
    fn change(&self, id: u64, change: impl FnOnce(&mut Viewer)) {
        let mut viewers = lock(&self.viewers);
        if let Some(viewer) = viewers.viewer(id) {
            change(viewer);
        }
        self.plan(&viewers);
    }

    fn plan(&self, viewers: &Viewers) {
        let next = viewers.next().map(|at| self.micros(at));
        self.due.store(next.unwrap_or(NO_PICTURE_DUE), Relaxed);
    }

    fn micros(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.begun).as_micros();
        u64::try_from(since).unwrap_or(NO_PICTURE_DUE - 1)
    }
}

impl FrameClaim {
    /// The frame has its result: pictures can be made of it.
    pub(crate) fn answered(self, result: &Message) {
        let broker = Arc::clone(&self.broker);
        let pending = FrameWithResult {
            claim: self,
            result: result.clone(),
        };
        let mut slot = lock(&broker.pending);
        if slot.closed {
            return;
        }
        // The slot is empty: no other frame can be claimed before this claim is dropped.
        slot.pending = Some(pending);
        drop(slot);
        broker.changed.notify_one();
    }
}

impl Drop for FrameClaim {
    fn drop(&mut self) {
        self.broker.claimed.store(false, Release);
    }
}

impl ViewerHandle {
    /// Sets which pictures the viewer asks for.
    pub(super) fn request(&self, view: &ViewRequest) {
        let now = Instant::now();
        self.broker
            .change(self.id, |viewer| viewer.request(view, now));
        let Some(name) = &view.stream else {
            return;
        };
        if !self.may_change {
            tracing::debug!("a viewer with the link that only watches chooses no stream");
        } else if self.broker.figures.show(name) {
            self.broker.publish_status();
        }
    }

    /// Gives tracks of the stream names; all viewers see them with the next status.
    pub(super) async fn name_tracks(&self, changes: &TrackNames) {
        if !self.may_change {
            tracing::debug!("a viewer with the link that only watches gives no names");
        } else if let Some(stream) = self.broker.figures.stream() {
            stream.name_tracks(changes).await;
        }
    }

    /// Saves a zone that the viewer has drawn. The answer, unless the client gives it later.
    pub(super) async fn edit_zone(&self, edit: ZoneEdit) -> Option<ZoneResult> {
        match self.may_change {
            true => self.broker.figures.edit_zone(edit).await,
            false => Some(refused(
                edit.id,
                "this link only watches: open the other one to draw zones",
            )),
        }
    }

    /// The viewer has shown this picture.
    pub(super) fn confirm(&self, frame_id: FrameId) {
        self.broker
            .change(self.id, |viewer| viewer.confirm(frame_id));
    }
}

impl Drop for ViewerHandle {
    fn drop(&mut self) {
        let mut viewers = lock(&self.broker.viewers);
        viewers.leave(self.id);
        self.broker.figures.set_viewers(viewers.len());
        self.broker.plan(&viewers);
    }
}

// Every change under these locks is complete before the lock is released, so the state behind a
// poisoned lock is valid.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "broker_tests.rs"]
mod tests;
