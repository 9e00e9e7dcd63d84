//! Earlier detections that new ones are compared with.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::classic::features::Feature;
use crate::classic::id_set::IdSet;

/// A track; `None` stands for the detections of a frame that have none.
pub(crate) type TrackId = Option<u32>;

/// One detection of a frame, with its feature.
#[derive(Debug, Clone)]
pub(crate) struct Observed {
    pub(crate) frame: i64,
    pub(crate) points: Arc<[[f64; 2]]>,
    pub(crate) feature: Arc<Feature>,
    /// Number of visible nodes.
    pub(crate) visible: usize,
}

/// Detections of a frame with the track and score of each.
pub(crate) struct FrameTracks {
    pub(crate) observed: Vec<Observed>,
    pub(crate) tracks: Vec<TrackId>,
    pub(crate) scores: Vec<f64>,
}

impl FrameTracks {
    pub(crate) fn new(observed: Vec<Observed>) -> Self {
        Self {
            tracks: vec![None; observed.len()],
            scores: vec![0.0; observed.len()],
            observed,
        }
    }
}

/// The detections that new ones are compared with.
pub(crate) enum Candidates {
    FixedWindow(FixedWindow),
    LocalQueues(LocalQueues),
}

/// The detections of the last frames.
pub(crate) struct FixedWindow {
    size: usize,
    frames: VecDeque<FrameTracks>,
    next_id: u32,
}

/// The last detections of each track.
pub(crate) struct LocalQueues {
    size: usize,
    max_tracks: u32,
    tracks: Vec<VecDeque<Observed>>,
}

/// Tracks that [`LocalQueues`] keeps where no number is given: they are never forgotten.
const MAX_QUEUES: u32 = 4096;

impl Candidates {
    pub(crate) fn fixed_window(size: usize) -> Self {
        Self::FixedWindow(FixedWindow {
            size,
            frames: VecDeque::new(),
            next_id: 0,
        })
    }

    pub(crate) fn local_queues(size: usize, max_tracks: Option<u32>) -> Self {
        Self::LocalQueues(LocalQueues {
            size,
            max_tracks: max_tracks.unwrap_or(MAX_QUEUES).min(MAX_QUEUES),
            tracks: Vec::new(),
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::FixedWindow(window) => window.frames.is_empty(),
            Self::LocalQueues(queues) => queues.tracks.is_empty(),
        }
    }

    /// The tracks, in the order of the columns of a cost matrix.
    pub(crate) fn tracks(&self) -> Vec<TrackId> {
        match self {
            Self::FixedWindow(window) => {
                let mut ids = IdSet::new();
                for id in window.frames.iter().flat_map(|frame| &frame.tracks) {
                    ids.insert(*id);
                }
                ids.into_ids()
            }
            Self::LocalQueues(queues) => (0..queues.tracks.len() as u32).map(Some).collect(),
        }
    }

    /// The detections of a track, the oldest first.
    pub(crate) fn of_track(&self, track: TrackId) -> Vec<Observed> {
        match (self, track) {
            (Self::FixedWindow(window), track) => {
                let in_frame = |frame: &FrameTracks| {
                    let index = frame.tracks.iter().position(|id| *id == track)?;
                    Some(frame.observed[index].clone())
                };
                window.frames.iter().filter_map(in_frame).collect()
            }
            (Self::LocalQueues(queues), Some(track)) => {
                let queue = queues.tracks.get(track as usize);
                queue.into_iter().flatten().cloned().collect()
            }
            (Self::LocalQueues(_), None) => Vec::new(),
        }
    }

    /// All detections with their tracks, by the frames that they are of, in sleap-nn's order.
    pub(crate) fn by_frame(&self) -> Vec<(i64, Vec<(TrackId, &Observed)>)> {
        let mut frames: Vec<(i64, Vec<(TrackId, &Observed)>)> = Vec::new();
        let mut places: HashMap<i64, usize> = HashMap::new();
        for (track, observed) in self.all() {
            let place = *places.entry(observed.frame).or_insert(frames.len());
            if place == frames.len() {
                frames.push((observed.frame, Vec::new()));
            }
            frames[place].1.push((track, observed));
        }
        frames
    }

    /// The frames that detections are of; one may come several times.
    pub(crate) fn frames(&self) -> impl Iterator<Item = i64> {
        self.all().map(|(_, observed)| observed.frame)
    }

    fn all(&self) -> Box<dyn Iterator<Item = (TrackId, &Observed)> + '_> {
        match self {
            Self::FixedWindow(window) => Box::new(window.frames.iter().flat_map(|frame| {
                let tracks = frame.tracks.iter().copied();
                tracks.zip(&frame.observed)
            })),
            Self::LocalQueues(queues) => {
                let tracks = (0..).map(Some).zip(&queues.tracks);
                Box::new(
                    tracks.flat_map(|(track, queue)| queue.iter().map(move |one| (track, one))),
                )
            }
        }
    }

    /// How many tracks may still begin; `None`: any number.
    pub(crate) fn available(&self) -> Option<usize> {
        match self {
            Self::FixedWindow(_) => None,
            Self::LocalQueues(queues) => {
                Some((queues.max_tracks as usize).saturating_sub(queues.tracks.len()))
            }
        }
    }

    /// Takes a frame with what matched, begins tracks for the rest, and returns it.
    pub(crate) fn update(&mut self, mut frame: FrameTracks, min_points: usize) -> Vec<TrackId> {
        let supported: Vec<bool> = frame
            .observed
            .iter()
            .map(|o| o.visible > min_points)
            .collect();
        match self {
            Self::FixedWindow(window) => {
                let begins = |(track, supported): (&TrackId, &bool)| track.is_none() && *supported;
                let new = frame
                    .tracks
                    .iter()
                    .zip(&supported)
                    .filter(|pair| begins(*pair))
                    .count();
                if window.frames.is_empty() && new == 0 {
                    return frame.tracks;
                }
                for (track, _) in frame
                    .tracks
                    .iter_mut()
                    .zip(&supported)
                    .filter(|(t, s)| begins((t, s)))
                {
                    *track = Some(window.next_id);
                    window.next_id = window.next_id.saturating_add(1);
                }
                let tracks = frame.tracks.clone();
                if window.frames.len() == window.size {
                    window.frames.pop_front();
                }
                window.frames.push_back(frame);
                tracks
            }
            Self::LocalQueues(queues) => {
                queues.keep_matched(&frame);
                for (index, supported) in supported.into_iter().enumerate() {
                    if frame.tracks[index].is_none() && supported {
                        frame.tracks[index] = queues.begin(&frame.observed[index]);
                    }
                }
                frame.tracks
            }
        }
    }
}

impl LocalQueues {
    fn keep_matched(&mut self, frame: &FrameTracks) {
        for (track, observed) in frame.tracks.iter().zip(&frame.observed) {
            if let Some(queue) = track.and_then(|track| self.tracks.get_mut(track as usize)) {
                if queue.len() == self.size {
                    queue.pop_front();
                }
                queue.push_back(observed.clone());
            }
        }
    }

    fn begin(&mut self, observed: &Observed) -> TrackId {
        let id = self.tracks.len() as u32;
        if id >= self.max_tracks {
            return None;
        }
        self.tracks.push(VecDeque::from([observed.clone()]));
        Some(id)
    }
}
