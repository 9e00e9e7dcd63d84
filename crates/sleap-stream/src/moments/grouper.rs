//! Which frames of several cameras belong together. Pure: times are arguments.
//!
//! The frames of all cameras, sorted by the time of their capture, are cut into moments. A moment has one frame of each
//! camera at most, and its frames lie within the tolerance. Where more than one cut is possible, it is made at the longest
//! gap between two frames: so a frame belongs to the nearest one of another camera.
//!
//! A cut is made once all frames that have a say in it are known, because each camera has delivered a later one; or earlier,
//! where the cameras' rate leaves no other cut. It does not depend on the order in which the cameras deliver. Cameras that
//! deliver nothing for too long are not waited for. A frame that comes too late joins the moment that lacks it.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Moments that frames which come late can join.
const MAX_RECENT: usize = 512;

/// Frames that wait for a decision at most; with more the oldest are decided as they are.
const MAX_PENDING: usize = 4096;

/// The part of the time between two frames of a camera that is never undercut.
const LEAST_INTERVAL: f64 = 0.75;

/// What decides which frames belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GroupingLimits {
    /// The frames of a moment lie within this time.
    pub(crate) tolerance: Duration,
    /// Time between two frames of the fastest camera; `None`: not known.
    pub(crate) interval: Option<Duration>,
    /// How long a frame waits for those of other cameras.
    pub(crate) patience: Duration,
}

/// Groups frames, each of which is a `T` to the caller.
#[derive(Debug)]
pub(crate) struct MomentGrouper<T> {
    limits: GroupingLimits,
    cameras: Vec<CameraQueue<T>>,
    /// The number of the next moment.
    next: u64,
    /// The last frame that is decided.
    horizon: Option<Instant>,
    recent: VecDeque<ClosedMoment>,
}

/// The frames of a camera that are not decided yet.
#[derive(Debug)]
struct CameraQueue<T> {
    pending: VecDeque<PendingFrame<T>>,
    /// When its newest frame was captured.
    newest: Option<Instant>,
    /// When it has delivered last, or was begun.
    heard: Instant,
    has_ended: bool,
}

#[derive(Debug)]
struct PendingFrame<T> {
    at: Instant,
    arrived: Instant,
    frame: T,
}

/// A moment that is decided.
#[derive(Debug)]
struct ClosedMoment {
    number: u64,
    first: Instant,
    last: Instant,
    /// The cameras that it has a frame of.
    cameras: Vec<bool>,
}

/// A frame as a candidate of the moment that comes next.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    camera: usize,
    at: Instant,
    arrived: Instant,
}

/// Up to when all frames are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Known {
    Nothing,
    Until(Instant),
    All,
}

impl<T> MomentGrouper<T> {
    /// For so many cameras, which begin now.
    pub(crate) fn new(cameras: usize, limits: GroupingLimits, now: Instant) -> Self {
        let camera = || CameraQueue {
            pending: VecDeque::new(),
            newest: None,
            heard: now,
            has_ended: false,
        };
        Self {
            limits,
            cameras: std::iter::repeat_with(camera).take(cameras).collect(),
            next: 0,
            horizon: None,
            recent: VecDeque::new(),
        }
    }

    /// A camera has delivered a frame that was captured at `at`. Its moment, where the frame comes too late to have a say.
    pub(crate) fn captured(
        &mut self,
        camera: usize,
        frame: T,
        at: Instant,
        now: Instant,
    ) -> Option<(T, u64)> {
        let before = self.cameras[camera].newest;
        // A clock that is corrected may step back.
        let least = before.map(|before| before + Duration::from_nanos(1));
        let at = least.map_or(at, |least| at.max(least));
        let is_late = self.horizon.is_some_and(|horizon| at <= horizon);
        let is_late = is_late || self.has_not_waited(camera, before, at);
        self.cameras[camera].newest = Some(at);
        self.cameras[camera].heard = now;
        if is_late {
            return Some((frame, self.join(camera, at)));
        }
        let queue = &mut self.cameras[camera];
        queue.pending.push_back(PendingFrame {
            at,
            arrived: now,
            frame,
        });
        None
    }

    /// Whether the last moment was decided without waiting for a camera, and its frame at `at` belongs to it. `before`: when
    /// its frame before that was captured.
    fn has_not_waited(&self, camera: usize, before: Option<Instant>, at: Instant) -> bool {
        let is_last = |moment: &&ClosedMoment| Some(moment.last) == self.horizon;
        let Some(last) = self.recent.iter().rev().find(is_last) else {
            return false;
        };
        let is_lacking = !last.cameras[camera] && before.is_none_or(|before| before <= last.last);
        let is_near = at.saturating_duration_since(last.first) <= self.limits.tolerance;
        let gap = at.saturating_duration_since(last.last);
        // A frame that waits may be nearer.
        let next = self
            .earliest(1)
            .first()
            .map(|next| next.at.max(at) - next.at.min(at));
        is_lacking && is_near && next.is_none_or(|next| gap <= next)
    }

    /// A camera delivers no more.
    pub(crate) fn ended(&mut self, camera: usize) {
        self.cameras[camera].has_ended = true;
    }

    /// How long a frame waits for those of other cameras.
    pub(crate) fn patience(&self) -> Duration {
        self.limits.patience
    }

    /// How many frames wait for a decision.
    #[cfg(test)]
    pub(crate) fn pending(&self) -> usize {
        self.cameras.iter().map(|queue| queue.pending.len()).sum()
    }

    /// The frames whose moments can be told now, with these.
    pub(crate) fn decide(&mut self, now: Instant) -> Vec<(T, u64)> {
        let mut decided = Vec::new();
        while let Some(frames) = self.cut(now) {
            self.close(frames, &mut decided);
        }
        decided
    }

    /// How many of the earliest frames form the next moment, where that can be told.
    fn cut(&self, now: Instant) -> Option<usize> {
        let earliest = self.earliest(self.cameras.len() + 1);
        let first = *earliest.first()?;
        let mut members = vec![None; self.cameras.len()];
        let mut count = 0;
        for frame in &earliest {
            let is_near = frame.at - first.at <= self.limits.tolerance;
            if !is_near || members[frame.camera].is_some() {
                break;
            }
            members[frame.camera] = Some(count);
            count += 1;
        }
        let times: Vec<Instant> = earliest[..count].iter().map(|frame| frame.at).collect();
        let known = match self.is_due(first, now) {
            true => Known::All,
            false => self.known(now),
        };
        let next = earliest.get(count).filter(|next| known.reaches(next.at));
        if let Some(next) = next {
            // Its own frame in this moment, and all before that, are not cut off.
            let from = members[next.camera].map_or(1, |index| index + 1);
            return Some(longest_gap(&times, next.at, from));
        }
        let is_whole = known == Known::All || {
            let ends = [
                self.end_by_frames(known, first),
                self.end_by_rate(&members, first, now),
            ];
            let end = ends.into_iter().flatten().max();
            end.is_some_and(|end| longest_gap(&times, end, 1) == count)
        };
        is_whole.then_some(count)
    }

    /// The earliest time of the frame that follows a moment, as the frames show it that are there.
    fn end_by_frames(&self, known: Known, first: Candidate) -> Option<Instant> {
        match known {
            Known::Until(known) if known > first.at + self.limits.tolerance => Some(known),
            _ => None,
        }
    }

    /// The same, as the rate of the cameras gives it, where each that is waited for has its frame. `members`: whether it has.
    fn end_by_rate(
        &self,
        members: &[Option<usize>],
        first: Candidate,
        now: Instant,
    ) -> Option<Instant> {
        let mut cameras = self.cameras.iter().zip(members);
        let are_all_there =
            cameras.all(|(camera, member)| member.is_some() || !self.is_waited_for(camera, now));
        let interval = self.limits.interval.filter(|_| are_all_there)?;
        Some(first.at + interval.mul_f64(LEAST_INTERVAL))
    }

    /// Whether a camera delivers, as far as is known.
    fn is_waited_for(&self, camera: &CameraQueue<T>, now: Instant) -> bool {
        !camera.has_ended && now < camera.heard + self.limits.patience
    }

    /// The earliest frames that are not decided, sorted.
    fn earliest(&self, count: usize) -> Vec<Candidate> {
        let mut taken = vec![0; self.cameras.len()];
        let mut earliest = Vec::with_capacity(count);
        while earliest.len() < count {
            let heads = self.cameras.iter().zip(&taken).enumerate();
            let heads = heads.filter_map(|(camera, (queue, taken))| {
                let frame = queue.pending.get(*taken)?;
                Some(Candidate {
                    camera,
                    at: frame.at,
                    arrived: frame.arrived,
                })
            });
            let Some(next) = heads.min_by_key(|frame| (frame.at, frame.camera)) else {
                break;
            };
            taken[next.camera] += 1;
            earliest.push(next);
        }
        earliest
    }

    /// Whether a frame has waited for long enough.
    fn is_due(&self, frame: Candidate, now: Instant) -> bool {
        let is_old = now >= frame.arrived + self.limits.patience;
        let pending = self.cameras.iter().map(|queue| queue.pending.len());
        is_old || pending.sum::<usize>() > MAX_PENDING
    }

    /// Up to when the frames of all cameras are known that are waited for.
    fn known(&self, now: Instant) -> Known {
        let cameras = self.cameras.iter();
        let waited_for = cameras.filter(|camera| self.is_waited_for(camera, now));
        let newest = waited_for.map(|queue| match queue.newest {
            Some(newest) => Known::Until(newest),
            None => Known::Nothing,
        });
        newest.fold(Known::All, Known::least)
    }

    /// The earliest frames, so many, are the next moment.
    fn close(&mut self, frames: usize, decided: &mut Vec<(T, u64)>) {
        let number = self.number();
        let earliest = self.earliest(frames);
        let mut cameras = vec![false; self.cameras.len()];
        for frame in &earliest {
            cameras[frame.camera] = true;
            if let Some(pending) = self.cameras[frame.camera].pending.pop_front() {
                decided.push((pending.frame, number));
            }
        }
        if let [first, ..] = earliest[..]
            && let Some(last) = earliest.last()
        {
            self.horizon = self.horizon.max(Some(last.at));
            self.remember(ClosedMoment {
                number,
                first: first.at,
                last: last.at,
                cameras,
            });
        }
    }

    fn number(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        number
    }

    fn remember(&mut self, moment: ClosedMoment) {
        if self.recent.len() == MAX_RECENT {
            self.recent.pop_front();
        }
        self.recent.push_back(moment);
    }

    /// The moment of a frame that comes late: the nearest one that lacks it, or one of its own.
    fn join(&mut self, camera: usize, at: Instant) -> u64 {
        let tolerance = self.limits.tolerance;
        let lacking = self.recent.iter_mut().filter(|moment| {
            let (first, last) = (moment.first.min(at), moment.last.max(at));
            !moment.cameras[camera] && last - first <= tolerance
        });
        let nearest = lacking.min_by_key(|moment| distance(moment.first, moment.last, at));
        if let Some(moment) = nearest {
            moment.cameras[camera] = true;
            (moment.first, moment.last) = (moment.first.min(at), moment.last.max(at));
            self.horizon = self.horizon.max(Some(at));
            return moment.number;
        }
        let number = self.number();
        let mut cameras = vec![false; self.cameras.len()];
        cameras[camera] = true;
        self.remember(ClosedMoment {
            number,
            first: at,
            last: at,
            cameras,
        });
        number
    }
}

impl Known {
    fn least(self, other: Self) -> Self {
        match (self, other) {
            (Self::Nothing, _) | (_, Self::Nothing) => Self::Nothing,
            (Self::All, other) => other,
            (known, Self::All) => known,
            (Self::Until(one), Self::Until(other)) => Self::Until(one.min(other)),
        }
    }

    fn reaches(self, at: Instant) -> bool {
        match self {
            Self::Nothing => false,
            Self::Until(known) => at <= known,
            Self::All => true,
        }
    }
}

/// Before which of the frames the gap is longest, of those from index `from` on, where the frame at `end` comes next; the
/// last of several that are as long.
fn longest_gap(times: &[Instant], end: Instant, from: usize) -> usize {
    let time = |index: usize| times.get(index).copied().unwrap_or(end);
    let gaps = from.max(1)..=times.len();
    gaps.max_by_key(|index| time(*index).saturating_duration_since(time(index - 1)))
        .unwrap_or(times.len())
}

/// How far a time is from the middle of a moment, doubled.
fn distance(first: Instant, last: Instant, at: Instant) -> Duration {
    let from_first = at.max(first) - at.min(first);
    let from_last = at.max(last) - at.min(last);
    match at >= first && at <= last {
        true => from_first.abs_diff(from_last),
        false => from_first + from_last,
    }
}

#[cfg(test)]
#[path = "grouper_tests.rs"]
mod tests;
