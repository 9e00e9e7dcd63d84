//! The connected viewers: when each takes its next picture, and which one is evicted for a new one.

use std::time::{Duration, Instant};

use net::{AdmissionOutcome, ConnectionLimit, Idle};
use protocol::{FrameId, ViewRequest};
use tokio::sync::mpsc;

use super::picture::{Picture, PictureSpec};

/// Viewers at the same time.
pub(super) const MAX_VIEWERS: usize = 4;
/// Highest rate of pictures for a viewer, per second; a rate below the lowest asks for none.
const MAX_FPS: f64 = 30.0;
const MIN_FPS: f64 = 0.01;
/// A viewer whose next picture is due within this part of its interval takes the picture that is made
/// now, so that viewers with the same spec share it.
const SHARED_PICTURE_DIVISOR: u32 = 4;

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
    spec: PictureSpec,
    /// Time between two pictures; `None`: it asks for none.
    interval: Option<Duration>,
    /// When it came: its first picture is due then.
    joined: Instant,
    /// When the last picture was due; later than it was made where it was made early.
    last: Option<Instant>,
    /// Since when it asks for no pictures.
    idle_since: Option<Instant>,
    /// The picture that it has not confirmed yet.
    outstanding: Option<FrameId>,
    pictures: mpsc::Sender<Picture>,
}

impl Viewers {
    /// Takes a slot for one more viewer: its number, and the receiver of its pictures. Without a free slot
    /// the viewer that has asked for no pictures for longest is evicted: its receiver ends.
    pub(super) fn join(&mut self, now: Instant) -> Option<(u64, mpsc::Receiver<Picture>)> {
        let (to_viewer, pictures) = mpsc::channel(1);
        let id = self.next_id;
        let viewer = Viewer {
            id,
            spec: PictureSpec::default(),
            interval: None,
            joined: now,
            last: None,
            idle_since: None,
            outstanding: None,
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

    /// When the next picture of any viewer is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.list.iter().filter_map(Viewer::next).min()
    }

    /// The specs of the viewers that take a picture now, each spec once.
    pub(super) fn specs(&self, now: Instant) -> Vec<PictureSpec> {
        let mut specs: Vec<PictureSpec> = Vec::new();
        for viewer in self.list.iter().filter(|it| it.takes_one(now)) {
            if !specs.contains(&viewer.spec) {
                specs.push(viewer.spec);
            }
        }
        specs
    }

    /// Gives the picture to the viewers with this spec that take one now.
    pub(super) fn deliver(&mut self, spec: PictureSpec, picture: &Picture, now: Instant) {
        for viewer in self.list.iter_mut().filter(|it| it.spec == spec) {
            if viewer.takes_one(now) {
                viewer.take(picture.clone(), now);
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
        self.spec = PictureSpec::of(view);
        let interval = interval(view.fps);
        if self.interval != interval {
            self.interval = interval;
            // The last picture of a long interval may have come long before it was due.
            let soon = now + Duration::from_secs_f64(1.0 / MAX_FPS) / SHARED_PICTURE_DIVISOR;
            self.last = self.last.map(|last| last.min(soon));
        }
        self.idle_since = match interval {
            None => self.idle_since.or(Some(now)),
            Some(_) => None,
        };
    }

    /// It has shown this picture. A number other than the outstanding one changes nothing.
    pub(super) fn confirm(&mut self, frame_id: FrameId) {
        self.outstanding.take_if(|waiting| *waiting == frame_id);
    }

    /// When its next picture is due, if it asks for one and has confirmed the last.
    fn next(&self) -> Option<Instant> {
        match (self.outstanding, self.last) {
            (Some(_), _) => None,
            (None, None) => self.interval.map(|_| self.joined),
            (None, Some(last)) => last.checked_add(self.interval?),
        }
    }

    fn takes_one(&self, now: Instant) -> bool {
        let early = self.interval.unwrap_or_default() / SHARED_PICTURE_DIVISOR;
        self.next().is_some_and(|next| next <= now + early)
    }

    fn take(&mut self, picture: Picture, now: Instant) {
        let (Some(due), Some(interval)) = (self.next(), self.interval) else {
            return;
        };
        // Pictures that were missed are not made up for.
        self.last = Some(now.checked_sub(interval).map_or(due, |past| past.max(due)));
        let frame_id = picture.frame.meta.frame_id;
        // It has confirmed the last one, so the queue has room, unless the viewer has just left.
        self.outstanding = self.pictures.try_send(picture).is_ok().then_some(frame_id);
    }
}

/// The time between two pictures. The rate comes from the viewer and may be any number.
fn interval(fps: f64) -> Option<Duration> {
    let is_wanted = fps.is_finite() && fps >= MIN_FPS;
    is_wanted.then(|| Duration::from_secs_f64(1.0 / fps.min(MAX_FPS)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::view::picture::example_frame;

    const SECOND: Duration = Duration::from_secs(1);

    fn view(fps: f64) -> ViewRequest {
        ViewRequest {
            fps,
            ..ViewRequest::default()
        }
    }

    fn picture(frame_id: FrameId) -> Picture {
        let mut frame = example_frame(2, 1);
        frame.meta.frame_id = frame_id;
        Picture {
            frame,
            result: protocol::Message::KeepAlive,
        }
    }

    fn deliver(viewers: &mut Viewers, frame_id: FrameId, now: Instant) {
        for spec in viewers.specs(now) {
            viewers.deliver(spec, &picture(frame_id), now);
        }
    }

    #[test]
    fn unusable_rates_ask_for_no_pictures() {
        let now = Instant::now();
        let mut viewers = Viewers::default();
        let (id, _pictures) = viewers.join(now).unwrap();
        let rates = [
            0.0,
            -1.0,
            1e-19,
            f64::MIN_POSITIVE,
            0.009,
            f64::NAN,
            f64::INFINITY,
        ];
        for fps in rates {
            viewers.viewer(id).unwrap().request(&view(fps), now);
            assert_eq!(viewers.next(), None, "{fps}");
        }
        for fps in [0.01, 1.0, 30.0, f64::MAX] {
            viewers.viewer(id).unwrap().request(&view(fps), now);
            deliver(&mut viewers, 1, now + 1000 * SECOND);
            viewers.viewer(id).unwrap().confirm(1);
            assert!(viewers.next().is_some(), "{fps}");
        }
    }

    #[test]
    fn only_the_outstanding_picture_can_be_confirmed() {
        let now = Instant::now();
        let mut viewers = Viewers::default();
        let (id, mut pictures) = viewers.join(now).unwrap();
        viewers.viewer(id).unwrap().request(&view(30.0), now);
        deliver(&mut viewers, 7, now);
        assert!(pictures.try_recv().is_ok());
        viewers.viewer(id).unwrap().confirm(6);
        assert_eq!(viewers.next(), None);
        viewers.viewer(id).unwrap().confirm(7);
        assert!(viewers.next().is_some());
    }

    /// Pictures of a viewer that confirms each at once. Once a millisecond it asks for the rate that `rate`
    /// returns for that millisecond, and takes what is due.
    fn pictures_in_ten_seconds(rate: impl Fn(u64) -> f64) -> usize {
        let begin = Instant::now();
        let mut viewers = Viewers::default();
        let (id, mut pictures) = viewers.join(begin).unwrap();
        let mut count = 0;
        for ms in 0..10_000 {
            let now = begin + Duration::from_millis(ms);
            let viewer = viewers.viewer(id).unwrap();
            viewer.request(&view(rate(ms)), now);
            deliver(&mut viewers, ms, now);
            if pictures.try_recv().is_ok() {
                count += 1;
                viewers.viewer(id).unwrap().confirm(ms);
            }
        }
        count
    }

    #[test]
    fn a_rate_is_kept_and_bounded() {
        let ten = pictures_in_ten_seconds(|_| 10.0);
        assert!((100..=101).contains(&ten), "{ten}");
        let most = pictures_in_ten_seconds(|_| 1e9);
        assert!((299..=301).contains(&most), "{most}");
        let alternating = pictures_in_ten_seconds(|ms| [30.0, 29.0, 0.0, 0.1][ms as usize % 4]);
        assert!((200..=301).contains(&alternating), "{alternating}");
    }

    #[test]
    fn a_higher_rate_takes_effect_before_the_old_interval_is_over() {
        let begin = Instant::now();
        let mut viewers = Viewers::default();
        let (id, _pictures) = viewers.join(begin).unwrap();
        viewers.viewer(id).unwrap().request(&view(0.01), begin);
        deliver(&mut viewers, 1, begin);
        viewers.viewer(id).unwrap().confirm(1);
        let early = begin + 80 * SECOND;
        deliver(&mut viewers, 2, early);
        viewers.viewer(id).unwrap().confirm(2);
        viewers.viewer(id).unwrap().request(&view(30.0), early);
        assert!(viewers.next().unwrap() < early + SECOND);
    }

    #[test]
    fn a_new_viewer_evicts_the_one_that_has_been_idle_for_longest() {
        let begin = Instant::now();
        let mut viewers = Viewers::default();
        let mut taken: Vec<_> = (0..MAX_VIEWERS)
            .map(|_| viewers.join(begin).unwrap())
            .collect();
        assert!(
            viewers.join(begin).is_none(),
            "a viewer that has not asked yet stays"
        );
        let ids: Vec<u64> = taken.iter().map(|(id, _)| *id).collect();
        for (id, fps, after) in [
            (0, 10.0, 0),
            (1, 0.0, 2),
            (2, 0.0, 1),
            (3, 5.0, 0),
            (2, 0.0, 3),
        ] {
            let now = begin + after * SECOND;
            viewers.viewer(ids[id]).unwrap().request(&view(fps), now);
        }
        assert!(viewers.join(begin + 4 * SECOND).is_some());
        let closed = |pictures: &mut mpsc::Receiver<Picture>| {
            matches!(
                pictures.try_recv(),
                Err(mpsc::error::TryRecvError::Disconnected)
            )
        };
        let gone: Vec<bool> = taken.iter_mut().map(|(_, it)| closed(it)).collect();
        assert_eq!(gone, [false, false, true, false]);
    }
}
