//! Which animal is which in one stream, or in one file.

use std::sync::{Mutex, MutexGuard, PoisonError};

use labels::Revision;
use protocol::{Prediction, Scale, TrackNames};
use tracking::FramePicture;
use tracking::flow::{FlowOptions, Pyramid};
use tracks::{PredictionTracker, TrackCensus, TrackCounts};

/// The tracks of one stream or file: they begin with it.
#[derive(Default)]
pub(super) struct StreamTracks {
    state: Mutex<State>,
    /// How the tracker looks at pictures; `None` where it does not.
    flow: Option<FlowOptions>,
    names: Mutex<TrackNames>,
}

#[derive(Default)]
struct State {
    /// The worker's tracker, with `--tracking`.
    tracker: Option<PredictionTracker>,
    census: TrackCensus,
}

/// How the counts of tracks changed with a prediction.
pub(super) struct TrackChange {
    pub(super) before: TrackCounts,
    pub(super) now: TrackCounts,
}

impl StreamTracks {
    pub(super) fn new(tracker: Option<PredictionTracker>) -> Self {
        let flow = tracker.as_ref().and_then(PredictionTracker::flow);
        let state = State {
            tracker,
            ..State::default()
        };
        Self {
            state: Mutex::new(state),
            flow,
            ..Self::default()
        }
    }

    /// What gives the predictions of a whole video their final tracks, where the tracker does so at its end. To be
    /// taken before the first of them.
    pub(super) fn revision(&self) -> Option<Revision> {
        lock(&self.state).tracker.as_ref()?.revision()
    }

    /// How the tracker looks at pictures; `None` where it does not.
    pub(super) fn flow(&self) -> Option<&FlowOptions> {
        self.flow.as_ref()
    }

    /// Gives the instances of a prediction tracks, where it has none. `scale`: from its pixels to those of
    /// the source, whose size stays the same while that of frames follows the network. `seen`: the frame's
    /// picture, where the tracker looks at it.
    pub(super) fn assign(
        &self,
        prediction: &mut Prediction,
        scale: Option<Scale>,
        seen: Option<Pyramid>,
    ) -> TrackChange {
        let mut state = lock(&self.state);
        let before = state.census.counts();
        if let Some(tracker) = &mut state.tracker {
            let factors = scale.map_or([1.0; 2], |scale| scale.factors().map(|one| 1.0 / one));
            let seen = seen.map(|pyramid| FramePicture {
                pyramid,
                scale: factors,
            });
            tracker.assign_seen(prediction, scale, seen);
        }
        state.census.add(prediction);
        TrackChange {
            before,
            now: state.census.counts(),
        }
    }

    /// Tracks that animals have now.
    pub(super) fn alive(&self) -> u64 {
        lock(&self.state).census.counts().alive
    }

    /// Takes names over. Returns those that it took.
    pub(super) fn name(&self, changes: &TrackNames) -> TrackNames {
        lock(&self.names).change(changes)
    }

    /// All names.
    pub(super) fn names(&self) -> TrackNames {
        lock(&self.names).clone()
    }

    /// The names of the tracks of a prediction; empty where there are none.
    pub(super) fn names_of(&self, prediction: &Prediction) -> Vec<Option<String>> {
        lock(&self.names).of(&prediction.tracks)
    }
}

// A panic of the tracker ends the pipeline's thread, and the worker with it; names change under their
// lock in one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
