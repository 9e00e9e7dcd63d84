//! The connected viewers: when each takes its next picture, and which one is evicted for a new one.

use std::sync::Arc;
use std::time::{Duration, Instant};

use net::{AdmissionOutcome, ConnectionLimit, Idle};
use protocol::{FrameId, ViewRequest};
use tokio::sync::mpsc;

use super::picture::{Picture, PictureSpec};

/// A picture, and the stream that it is of.
pub(super) struct StreamPicture {
    pub(super) stream: Arc<str>,
    pub(super) picture: Picture,
}

/// Viewers at the same time.
pub(super) const MAX_VIEWERS: usize = 4;
/// Highest rate of pictures for a viewer, per second, also of all streams together; a rate below the lowest asks for none.
const MAX_FPS: f64 = 30.0;
const MIN_FPS: f64 = 0.01;
/// Highest rate of the pictures of one stream among others.
const MAX_TILE_FPS: f64 = 10.0;
/// Pictures that a viewer of all streams may not have confirmed yet: with fewer, each would wait for the way to the viewer and
/// back, with more, old ones would pile up on a slow link.
const MAX_TILES_OUTSTANDING: usize = 4;
/// A viewer whose next picture is due within this part of its interval takes the picture that is made
/// now, so that viewers with the same spec share it.
const SHARED_PICTURE_DIVISOR: u32 = 4;
/// Longest name of a stream that a viewer can choose, bytes: more than any stream's.
const MAX_NAME_BYTES: usize = 512;

/// The viewers that have a slot.
pub(super) struct Viewers {
    list: ConnectionLimit<Viewer>,
    next_id: u64,
}

impl Default for Viewers {
    fn default() -> Self {
        Self {
            list: ConnectionLimit::new(MAX_VIEWERS, MAX_VIEWERS),
            next_id: 0,
        }
    }
}

/// A connected viewer.
pub(super) struct Viewer {
    id: u64,
    sees: Sees,
    spec: PictureSpec,
    /// Time between two pictures of a stream; `None`: it asks for none.
    interval: Option<Duration>,
    /// When it came: its first pictures are due then.
    joined: Instant,
    /// When the last picture of each stream was due; later than it was made where it was made early.
    last: Vec<(Arc<str>, Instant)>,
    /// Since when it asks for no pictures.
    idle_since: Option<Instant>,
    /// The pictures that it has not confirmed yet, the oldest first.
    outstanding: Vec<OutstandingPicture>,
    /// How long the newest picture that it has confirmed took to be confirmed.
    turnaround: Duration,
    pictures: mpsc::Sender<StreamPicture>,
}

/// What a viewer looks at.
enum Sees {
    /// One stream, by its name; without a name, or where no stream has it, the first one.
    One(Option<String>),
    All,
}

struct OutstandingPicture {
    frame_id: FrameId,
    sent: Instant,
}

/// A stream, among those that run.
pub(super) struct StreamAmong<'a> {
    pub(super) name: &'a Arc<str>,
    /// The streams that run, in the order in which they began.
    pub(super) running: &'a [Arc<str>],
}

impl Viewers {
    /// Takes a slot for one more viewer: its number, and the receiver of its pictures. Without a free slot
    /// the viewer that has asked for no pictures for longest is evicted: its receiver ends.
    pub(super) fn join(&mut self, now: Instant) -> Option<(u64, mpsc::Receiver<StreamPicture>)> {
        let (to_viewer, pictures) = mpsc::channel(MAX_TILES_OUTSTANDING);
        let id = self.next_id;
        let viewer = Viewer {
            id,
            sees: Sees::One(None),
            spec: PictureSpec::default(),
            interval: None,
            joined: now,
            last: Vec::new(),
            idle_since: None,
            outstanding: Vec::new(),
            turnaround: Duration::ZERO,
            pictures: to_viewer,
        };
        match self.list.admit(viewer, None, now) {
            // The receiver of an evicted viewer ends when its sender is dropped here.
            AdmissionOutcome::Free | AdmissionOutcome::InPlaceOf(_) => {}
            AdmissionOutcome::Refused(_) => return None,
        }
        self.next_id += 1;
        Some((id, pictures))
    }

    /// Gives the slot back. Does nothing for a viewer that has left.
    pub(super) fn leave(&mut self, id: u64) {
        self.list.retain(|it| it.id != id);
    }

    pub(super) fn len(&self) -> usize {
        self.list.len()
    }

    /// The viewer with this number, unless it has left.
    pub(super) fn viewer(&mut self, id: u64) -> Option<&mut Viewer> {
        self.list.iter_mut().find(|it| it.id == id)
    }

    /// Whether any viewer asks for pictures and has room for one more.
    pub(super) fn are_waiting(&self) -> bool {
        self.list
            .iter()
            .any(|it| it.interval.is_some() && it.has_room())
    }

    /// The specs of the viewers that take a picture of this stream now, each spec once.
    pub(super) fn specs(&self, stream: &StreamAmong<'_>, now: Instant) -> Vec<PictureSpec> {
        let mut specs: Vec<PictureSpec> = Vec::new();
        for viewer in self.list.iter().filter(|it| it.takes_one(stream, now)) {
            if !specs.contains(&viewer.spec) {
                specs.push(viewer.spec);
            }
        }
        specs
    }

    /// Whether a picture of this stream is due for any viewer.
    pub(super) fn is_due(&self, stream: &StreamAmong<'_>, now: Instant) -> bool {
        self.list.iter().any(|it| it.is_due(stream, now))
    }

    /// Gives the picture to the viewers with this spec that take one now.
    pub(super) fn deliver(
        &mut self,
        spec: PictureSpec,
        (picture, stream): (&Picture, &StreamAmong<'_>),
        now: Instant,
    ) {
        for viewer in self.list.iter_mut().filter(|it| it.spec == spec) {
            if viewer.takes_one(stream, now) {
                viewer.take(picture.clone(), stream, now);
            }
        }
    }
}

impl Idle for Viewer {
    fn idle_since(&self, _now: Instant) -> Option<Instant> {
        self.idle_since
    }
}

impl Viewer {
    /// Sets which pictures it asks for. The time since its last picture counts for the new rate too.
    pub(super) fn request(&mut self, view: &ViewRequest, now: Instant) {
        let name = view.stream.as_ref();
        self.sees = match view.grid {
            true => Sees::All,
            false => Sees::One(name.filter(|it| it.len() <= MAX_NAME_BYTES).cloned()),
        };
        self.spec = match view.grid {
            true => PictureSpec::of_tile(view),
            false => PictureSpec::of(view),
        };
        let interval = interval(view.fps);
        if self.interval != interval {
            self.interval = interval;
            // The last picture of a long interval may have come long before it was due.
            let soon = now + Duration::from_secs_f64(1.0 / MAX_FPS) / SHARED_PICTURE_DIVISOR;
            for (_, last) in &mut self.last {
                *last = soon.min(*last);
            }
        }
        self.idle_since = match interval {
            None => self.idle_since.or(Some(now)),
            Some(_) => None,
        };
    }

    /// The name of the stream that it has chosen.
    pub(super) fn chosen(&self) -> Option<&str> {
        match &self.sees {
            Sees::One(name) => name.as_deref(),
            Sees::All => None,
        }
    }

    /// It has shown this picture. A number that no outstanding one has changes nothing. Where pictures of two streams have the
    /// same number, it is the older one.
    pub(super) fn confirm(&mut self, frame_id: FrameId, now: Instant) {
        let mut outstanding = self.outstanding.iter();
        if let Some(index) = outstanding.position(|it| it.frame_id == frame_id) {
            let confirmed = self.outstanding.remove(index);
            self.turnaround = now.saturating_duration_since(confirmed.sent);
        }
    }

    fn has_room(&self) -> bool {
        let most = match self.sees {
            Sees::One(_) => 1,
            Sees::All => MAX_TILES_OUTSTANDING,
        };
        self.outstanding.len() < most
    }

    fn sees(&self, stream: &StreamAmong<'_>) -> bool {
        match &self.sees {
            Sees::All => true,
            Sees::One(chosen) => {
                let mut running = stream.running.iter();
                let named = running.find(|it| Some(&***it) == chosen.as_deref());
                named.or(stream.running.first()) == Some(stream.name)
            }
        }
    }

    /// The time between two pictures of one of so many streams. A viewer of all streams that is slow to confirm gets each of
    /// them as often as the others, however fast its frames come.
    fn interval_among(&self, streams: usize) -> Option<Duration> {
        let asked = self.interval?;
        if let Sees::One(_) = self.sees {
            return Some(asked);
        }
        let streams = u32::try_from(streams).unwrap_or(u32::MAX).max(1);
        let least = Duration::from_secs_f64(1.0 / MAX_TILE_FPS);
        let together = Duration::from_secs_f64(1.0 / MAX_FPS).saturating_mul(streams);
        let fair = self.turnaround.saturating_mul(streams) / MAX_TILES_OUTSTANDING as u32;
        Some(asked.max(least).max(together).max(fair))
    }

    /// When its next picture of this stream is due, if it asks for one and has confirmed enough of the last ones.
    fn next(&self, stream: &StreamAmong<'_>) -> Option<Instant> {
        if !self.has_room() || !self.sees(stream) {
            return None;
        }
        let interval = self.interval_among(stream.running.len())?;
        let mut last = self.last.iter();
        match last.find(|(name, _)| name == stream.name) {
            None => Some(self.joined),
            Some((_, last)) => last.checked_add(interval),
        }
    }

    fn is_due(&self, stream: &StreamAmong<'_>, now: Instant) -> bool {
        self.next(stream).is_some_and(|next| next <= now)
    }

    fn takes_one(&self, stream: &StreamAmong<'_>, now: Instant) -> bool {
        let interval = self.interval_among(stream.running.len());
        let early = interval.unwrap_or_default() / SHARED_PICTURE_DIVISOR;
        self.next(stream).is_some_and(|next| next <= now + early)
    }

    fn take(&mut self, picture: Picture, stream: &StreamAmong<'_>, now: Instant) {
        let interval = self.interval_among(stream.running.len());
        let (Some(due), Some(interval)) = (self.next(stream), interval) else {
            return;
        };
        // Pictures that were missed are not made up for.
        let last = now.checked_sub(interval).map_or(due, |past| past.max(due));
        self.last.retain(|(name, _)| {
            let is_over = !stream.running.contains(name);
            name != stream.name && !is_over
        });
        self.last.push((Arc::clone(stream.name), last));
        let frame_id = picture.frame.meta.frame_id;
        let stream = Arc::clone(stream.name);
        // The queue has room for all that may be outstanding, unless the viewer has just left.
        let sent = self.pictures.try_send(StreamPicture { stream, picture });
        if sent.is_ok() {
            let sent = now;
            self.outstanding.push(OutstandingPicture { frame_id, sent });
        }
    }
}

/// The time between two pictures. The rate comes from the viewer and may be any number.
fn interval(fps: f64) -> Option<Duration> {
    let is_wanted = fps.is_finite() && fps >= MIN_FPS;
    is_wanted.then(|| Duration::from_secs_f64(1.0 / fps.min(MAX_FPS)))
}

#[cfg(test)]
#[path = "viewers_tests.rs"]
mod tests;
