//! Passes frames from the pipeline to viewers: at most one of each stream at a time, and only when a picture is due.

use std::collections::VecDeque;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use protocol::{Frame, FrameId, Message, StreamAck, TrackNames, ViewRequest, ZoneEdit, ZoneResult};
use tokio::sync::{broadcast, mpsc, watch};

use super::picture::{Picture, PictureSpec};
use super::status::{StatusOfAll, ViewStatus};
use super::viewers::{StreamAmong, StreamPicture, Viewer, Viewers};
use crate::streams::{ResultRoute, RulesWatch, ServedStreams, refused};

/// Passes frames of the pipeline to viewers that ask for pictures.
///
/// At most one frame of a stream at a time is claimed: when a viewer's next picture of the stream is due. The claim ends when
/// the pictures are made, or when the frame has failed.
pub(crate) struct ViewBroker {
    /// A viewer asks for pictures, and has room for one.
    is_asked: AtomicBool,
    viewers: Mutex<Viewers>,
    pending: Mutex<PendingFrames>,
    changed: Condvar,
    figures: ViewStatus,
    statuses: watch::Sender<Arc<StatusOfAll>>,
}

#[derive(Default)]
struct PendingFrames {
    /// The streams of which a frame is claimed.
    claimed: Vec<Arc<str>>,
    /// Claimed frames with their results, in the order in which these came.
    answered: VecDeque<FrameWithResult>,
    closed: bool,
}

/// A claimed frame with its result.
pub(super) struct FrameWithResult {
    pub(super) claim: FrameClaim,
    pub(super) result: Message,
}

/// A frame that becomes a picture for viewers. After it is dropped the next frame of its stream can be claimed.
pub(crate) struct FrameClaim {
    broker: Arc<ViewBroker>,
    pub(super) stream: Arc<str>,
    pub(super) frame: Frame,
}

/// The slot of one viewer. Dropping it gives the slot back.
pub(crate) struct ViewerHandle {
    id: u64,
    broker: Arc<ViewBroker>,
    /// Names that it gives tracks are taken, and zones that it draws.
    may_change: bool,
    /// It ends when the viewer is evicted.
    pub(super) pictures: mpsc::Receiver<StreamPicture>,
    /// The name of the stream that it looks at; it may have ended.
    pub(super) chosen: Option<String>,
}

impl ViewBroker {
    pub(crate) fn new(ack: &StreamAck, served: ServedStreams) -> Arc<Self> {
        let figures = ViewStatus::new(ack, served);
        let statuses = watch::Sender::new(Arc::new(figures.status(Instant::now())));
        Arc::new(Self {
            is_asked: AtomicBool::new(false),
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
            chosen: None,
        })
    }

    /// Counts a frame that has arrived, and claims it if a viewer's next picture of its stream is due. Cheap otherwise.
    pub(crate) fn claim(
        self: &Arc<Self>,
        frame: &Frame,
        stream: &Arc<ResultRoute>,
    ) -> Option<FrameClaim> {
        self.figures.add_frame(stream, frame.meta.frame_id);
        if !self.is_asked.load(Relaxed) {
            return None;
        }
        let running = self.figures.running();
        let name = running.iter().find(|name| ***name == *stream.name())?;
        let among = StreamAmong {
            name,
            running: &running,
        };
        if !lock(&self.viewers).is_due(&among, Instant::now()) {
            return None;
        }
        let mut frames = lock(&self.pending);
        if frames.claimed.contains(name) {
            return None;
        }
        frames.claimed.push(Arc::clone(name));
        drop(frames);
        let size = (frame.meta.width, frame.meta.height);
        self.figures.set_size(stream, size);
        Some(FrameClaim {
            broker: Arc::clone(self),
            stream: Arc::clone(name),
            frame: frame.clone(),
        })
    }

    /// Adds a result to the figures of the status.
    pub(crate) fn answered(&self, stream: &Arc<ResultRoute>, result: &Message) {
        self.figures.add_result(stream, result);
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
            .send_replace(Arc::new(self.figures.status(Instant::now())));
    }

    /// The newest status, and each later one.
    pub(super) fn statuses(&self) -> watch::Receiver<Arc<StatusOfAll>> {
        self.statuses.subscribe()
    }

    /// The rules that are shown, now and later.
    pub(super) fn rules(&self) -> RulesWatch {
        self.figures.rules()
    }

    /// The clients' answers to zones that viewers draw.
    pub(super) fn zone_results(&self) -> broadcast::Receiver<ZoneResult> {
        self.figures.zone_results()
    }

    /// Waits for the next frame to make pictures of. `None` after [`close`](Self::close).
    pub(super) fn next_frame(&self) -> Option<FrameWithResult> {
        let idle = |frames: &mut PendingFrames| frames.answered.is_empty() && !frames.closed;
        let frames = lock(&self.pending);
        let mut frames = self
            .changed
            .wait_while(frames, idle)
            .unwrap_or_else(PoisonError::into_inner);
        match frames.closed {
            true => None,
            false => frames.answered.pop_front(),
        }
    }

    /// Ends [`next_frame`](Self::next_frame).
    pub(super) fn close(&self) {
        let mut frames = lock(&self.pending);
        frames.closed = true;
        let unseen = std::mem::take(&mut frames.answered);
        drop(frames);
        self.changed.notify_all();
        drop(unseen);
    }

    /// The specs of the viewers that take a picture of the stream of this name now, each spec once.
    pub(super) fn specs(&self, name: &Arc<str>) -> Vec<PictureSpec> {
        let running = &self.figures.running();
        lock(&self.viewers).specs(&StreamAmong { name, running }, Instant::now())
    }

    /// Publishes a status before the first picture of a stream: zones over it need the size of its source.
    pub(super) fn announce_streams(&self) {
        if self.figures.has_news() {
            self.publish_status();
        }
    }

    /// Gives the picture of the stream of this name to the viewers with this spec that take one now.
    pub(super) fn deliver(&self, spec: PictureSpec, picture: &Picture, name: &Arc<str>) {
        let running = &self.figures.running();
        let among = StreamAmong { name, running };
        let mut viewers = lock(&self.viewers);
        viewers.deliver(spec, (picture, &among), Instant::now());
        self.plan(&viewers);
    }

    /// Changes a viewer, unless it has left, and notes whether pictures are asked for.
    fn change<T>(&self, id: u64, change: impl FnOnce(&mut Viewer) -> T) -> Option<T> {
        let mut viewers = lock(&self.viewers);
        let changed = viewers.viewer(id).map(change);
        self.plan(&viewers);
        changed
    }

    fn plan(&self, viewers: &Viewers) {
        self.is_asked.store(viewers.are_waiting(), Relaxed);
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
        let mut frames = lock(&broker.pending);
        if frames.closed {
            // The claim ends, for which the lock has to be free.
            drop(frames);
            return;
        }
        frames.answered.push_back(pending);
        drop(frames);
        broker.changed.notify_one();
    }
}

impl Drop for FrameClaim {
    fn drop(&mut self) {
        let mut frames = lock(&self.broker.pending);
        frames.claimed.retain(|name| *name != self.stream);
    }
}

impl ViewerHandle {
    /// Sets which pictures the viewer asks for. Whether it now looks at another stream.
    pub(super) fn request(&mut self, view: &ViewRequest) -> bool {
        let now = Instant::now();
        let requested = self.broker.change(self.id, |viewer| {
            viewer.request(view, now);
            viewer.chosen().map(str::to_owned)
        });
        let chosen = requested.flatten();
        if self.chosen == chosen {
            return false;
        }
        self.chosen = chosen;
        true
    }

    /// Gives tracks of the stream that it looks at names; all viewers see them with the next status.
    pub(super) async fn name_tracks(&self, changes: &TrackNames) {
        if !self.may_change {
            tracing::debug!("a viewer with the link that only watches gives no names");
        } else if let Some(stream) = self.broker.figures.seen_by(self.chosen.as_deref()) {
            stream.name_tracks(changes).await;
        }
    }

    /// Saves a zone that the viewer has drawn. The answer, unless the client gives it later.
    pub(super) async fn edit_zone(&self, edit: ZoneEdit) -> Option<ZoneResult> {
        let chosen = self.chosen.as_deref();
        match self.may_change {
            true => self.broker.figures.edit_zone(edit, chosen).await,
            false => Some(refused(
                edit.id,
                "this link only watches: open the other one to draw zones",
            )),
        }
    }

    /// The viewer has shown this picture.
    pub(super) fn confirm(&self, frame_id: FrameId) {
        let now = Instant::now();
        self.broker
            .change(self.id, |viewer| viewer.confirm(frame_id, now));
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
