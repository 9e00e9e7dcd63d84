//! Which frames of several live cameras are sent, where not all can be: a moment is sent whole or not at all, as far as
//! possible. Pure: times are arguments.
//!
//! Each camera has room for its newest frame, which its encoder takes when it may send one. A moment begins with the first
//! frame of it that is taken, once all cameras could take one; then each of them takes its own frame of that moment, however
//! late it comes. Until then newer frames replace older ones. A frame is left out where that of another camera was, and
//! belonged to the same moment.
//!
//! A camera that delivers nothing is not waited for, nor one that is busy for much longer than others are: its connection
//! may be lost.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Moments, and frames that were left out, that are remembered.
const MAX_RECENT: usize = 256;

/// Frames of a camera whose times are remembered.
const MAX_BUSY: usize = 9;

/// A camera that is busy for so many times as long as the fastest one usually is, is not waited for.
const SLOWDOWN: u32 = 4;

/// The same as long as it is not known how long cameras are busy: the first frames may take long.
const FIRST_BUSY: Duration = Duration::from_secs(2);

/// What decides which frames are sent together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SlotLimits {
    /// The frames of a moment lie within this time.
    pub(crate) tolerance: Duration,
    /// A camera that has delivered nothing for so long is not waited for, nor one that is busy for so long while others
    /// are much faster.
    pub(crate) patience: Duration,
}

/// The newest frames of several cameras, each of which is a `T` to the caller.
#[derive(Debug)]
pub(crate) struct MomentSlot<T> {
    limits: SlotLimits,
    cameras: Vec<SlotCamera<T>>,
    /// Moments that have begun.
    begun: VecDeque<BegunMoment>,
    /// When the frames were captured that were left out, each with its camera.
    left_out: VecDeque<(usize, Instant)>,
    /// Frames with which moments began while another camera could send none.
    alone: u64,
}

/// What a camera has in the slot.
#[derive(Debug)]
struct SlotCamera<T> {
    /// Its newest frame, and when it was captured.
    newest: Option<(Instant, T)>,
    /// A frame of a moment that has begun: its encoder takes it next.
    granted: Option<T>,
    /// Its encoder waits for a frame.
    is_ready: bool,
    /// When it delivered first.
    began: Option<Instant>,
    /// When it got its last frame: since then it is busy, until it is ready.
    taken: Option<Instant>,
    /// How long it was busy with each of the last frames.
    busy: VecDeque<Duration>,
    /// When it delivered last.
    heard: Option<Instant>,
    has_ended: bool,
    dropped: u64,
}

/// A moment of which a frame was taken.
#[derive(Debug)]
struct BegunMoment {
    first: Instant,
    last: Instant,
    /// The cameras that have taken theirs.
    cameras: Vec<bool>,
}

/// What a camera's encoder gets.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken<T> {
    /// This frame.
    Frame(T),
    /// Nothing before something changes, or this time comes.
    Wait(Option<Instant>),
}

impl<T> MomentSlot<T> {
    /// For so many cameras.
    pub(crate) fn new(cameras: usize, limits: SlotLimits) -> Self {
        let camera = || SlotCamera {
            newest: None,
            granted: None,
            is_ready: false,
            began: None,
            taken: None,
            busy: VecDeque::new(),
            heard: None,
            has_ended: false,
            dropped: 0,
        };
        Self {
            limits,
            cameras: std::iter::repeat_with(camera).take(cameras).collect(),
            begun: VecDeque::new(),
            left_out: VecDeque::new(),
            alone: 0,
        }
    }

    /// A camera has delivered a frame that was captured at `at`. The one that it replaces, which is left out.
    pub(crate) fn captured(
        &mut self,
        camera: usize,
        at: Instant,
        frame: T,
        now: Instant,
    ) -> Option<T> {
        let it = &mut self.cameras[camera];
        it.heard = Some(now);
        it.began.get_or_insert(now);
        let replaced = it.newest.replace((at, frame));
        if let Some((before, _)) = &replaced {
            self.leaves_out(camera, *before);
        }
        self.grant(camera, now);
        replaced.map(|(_, frame)| frame)
    }

    /// The encoder of a camera waits for a frame.
    pub(crate) fn ready(&mut self, camera: usize, now: Instant) {
        let it = &mut self.cameras[camera];
        if std::mem::replace(&mut it.is_ready, true) {
            return;
        }
        if let Some(since) = it.taken {
            if it.busy.len() == MAX_BUSY {
                it.busy.pop_front();
            }
            it.busy.push_back(now.saturating_duration_since(since));
        }
        self.grant(camera, now);
    }

    /// Lets a camera that is ready have its frame, where that belongs to a moment that has begun.
    fn grant(&mut self, camera: usize, now: Instant) {
        let it = &self.cameras[camera];
        let at = it.newest.as_ref().map(|(at, _)| *at);
        if let Some(at) = at.filter(|_| it.is_ready)
            && self.joins(camera, at)
        {
            self.gets(camera, now);
        }
    }

    /// A camera gets its newest frame, and is busy from now on.
    fn gets(&mut self, camera: usize, now: Instant) {
        let it = &mut self.cameras[camera];
        it.granted = it.newest.take().map(|(_, frame)| frame);
        (it.is_ready, it.taken) = (false, Some(now));
    }

    /// A camera delivers no more, or takes no more.
    pub(crate) fn ended(&mut self, camera: usize) {
        self.cameras[camera].has_ended = true;
    }

    /// Whether a camera has a frame that was not taken.
    pub(crate) fn has_frame(&self, camera: usize) -> bool {
        let it = &self.cameras[camera];
        it.newest.is_some() || it.granted.is_some()
    }

    /// Takes a camera's frames out, which are not sent.
    pub(crate) fn clear(&mut self, camera: usize) -> [Option<T>; 2] {
        let it = &mut self.cameras[camera];
        let newest = it.newest.take().map(|(_, frame)| frame);
        [it.granted.take(), newest]
    }

    /// Whether a camera delivers no more, or takes no more.
    pub(crate) fn has_ended(&self, camera: usize) -> bool {
        self.cameras[camera].has_ended
    }

    /// Frames of a camera that were left out.
    pub(crate) fn dropped(&self, camera: usize) -> u64 {
        self.cameras[camera].dropped
    }

    /// Frames with which moments began while another camera could send none.
    pub(crate) fn alone(&self) -> u64 {
        self.alone
    }

    /// What a camera takes now, whose encoder is ready.
    pub(crate) fn take(&mut self, camera: usize, now: Instant) -> Taken<T> {
        if let Some(frame) = self.cameras[camera].granted.take() {
            return Taken::Frame(frame);
        }
        let Some(at) = self.cameras[camera].newest.as_ref().map(|(at, _)| *at) else {
            return Taken::Wait(None);
        };
        if self.is_passed_over(camera, at) {
            self.cameras[camera].newest = None;
            self.leaves_out(camera, at);
            return Taken::Wait(None);
        }
        if let Some(until) = self.waits_until(camera, now) {
            return Taken::Wait(Some(until));
        }
        self.begins(camera, at, now);
        let granted = self.cameras[camera].granted.take();
        granted.map_or(Taken::Wait(None), Taken::Frame)
    }

    /// Whether a frame belongs to a moment that has begun, and lacks it: it is taken for that one.
    fn joins(&mut self, camera: usize, at: Instant) -> bool {
        let tolerance = self.limits.tolerance;
        let lacking = self.begun.iter_mut().filter(|moment| {
            let (first, last) = (moment.first.min(at), moment.last.max(at));
            !moment.cameras[camera] && last - first <= tolerance
        });
        let Some(nearest) = lacking.min_by_key(|moment| apart(moment.first, at)) else {
            return false;
        };
        nearest.cameras[camera] = true;
        (nearest.first, nearest.last) = (nearest.first.min(at), nearest.last.max(at));
        true
    }

    /// Whether the frame of another camera that belongs to the same moment was left out.
    fn is_passed_over(&self, camera: usize, at: Instant) -> bool {
        let mut left_out = self.left_out.iter();
        left_out.any(|(other, when)| *other != camera && apart(*when, at) <= self.limits.tolerance)
    }

    /// Until when a new moment waits for cameras that are busy; `None`: it does not.
    fn waits_until(&self, camera: usize, now: Instant) -> Option<Instant> {
        let limit = self.busy_limit();
        let others = self.others(camera, now).filter(|other| !other.is_ready);
        let until = others.filter_map(|other| {
            let quiet = other.heard? + self.limits.patience;
            Some(quiet.min(other.taken.or(other.began)? + limit))
        });
        until.max().filter(|until| *until > now)
    }

    /// Other cameras that deliver.
    fn others(&self, camera: usize, now: Instant) -> impl Iterator<Item = &SlotCamera<T>> {
        let patience = self.limits.patience;
        let others = self.cameras.iter().enumerate();
        let others = others.filter(move |(index, _)| *index != camera);
        others.map(|(_, other)| other).filter(move |other| {
            let is_heard = other.heard.is_some_and(|heard| now < heard + patience);
            is_heard && !other.has_ended
        })
    }

    /// How long a camera is busy that is waited for.
    fn busy_limit(&self) -> Duration {
        let usual = self
            .cameras
            .iter()
            .filter_map(SlotCamera::usually_busy)
            .min();
        usual.map_or(FIRST_BUSY, |usual| {
            self.limits.patience.max(usual * SLOWDOWN)
        })
    }

    /// A moment begins with this camera's frame.
    fn begins(&mut self, camera: usize, at: Instant, now: Instant) {
        let mut others = self.cameras.iter().enumerate();
        let is_alone =
            others.any(|(index, other)| index != camera && !other.is_ready && !other.has_ended);
        self.alone += u64::from(is_alone);
        if self.begun.len() == MAX_RECENT {
            self.begun.pop_front();
        }
        let mut cameras = vec![false; self.cameras.len()];
        cameras[camera] = true;
        self.begun.push_back(BegunMoment {
            first: at,
            last: at,
            cameras,
        });
        self.gets(camera, now);
        // Those whose frames are here have them now: a newer one does not replace them.
        (0..self.cameras.len()).for_each(|other| self.grant(other, now));
    }

    fn leaves_out(&mut self, camera: usize, at: Instant) {
        self.cameras[camera].dropped += 1;
        if self.left_out.len() == MAX_RECENT {
            self.left_out.pop_front();
        }
        self.left_out.push_back((camera, at));
    }
}

impl<T> SlotCamera<T> {
    /// The median of the last times; `None` where there is none.
    fn usually_busy(&self) -> Option<Duration> {
        let mut times: Vec<_> = self.busy.iter().copied().collect();
        times.sort_unstable();
        times.get(times.len() / 2).copied()
    }
}

fn apart(one: Instant, other: Instant) -> Duration {
    one.max(other) - one.min(other)
}

#[cfg(test)]
#[path = "slot_tests.rs"]
mod tests;
