//! What tells animals apart at the worker.

use tracking::TrackerOptions;
use tracks::PredictionTracker;

/// What tells the animals of all streams and files apart.
#[derive(Debug, Clone, Default)]
pub(crate) enum WorkerTracking {
    /// Nothing does.
    #[default]
    Off,
    /// A tracker for each stream and file (`--tracking`).
    Tracker(Box<TrackerOptions>),
    /// The model, which knows identities.
    Model,
}

impl WorkerTracking {
    /// Decides by `--tracking` and by what the model can do.
    pub(crate) fn decide(options: Option<TrackerOptions>, model_knows_identities: bool) -> Self {
        match options {
            _ if model_knows_identities => Self::Model,
            Some(options) => Self::Tracker(Box::new(options)),
            None => Self::Off,
        }
    }

    /// Frames are compared with earlier ones.
    pub(crate) fn looks_at_pictures(&self) -> bool {
        matches!(self, Self::Tracker(options) if options.flow().is_some())
    }

    /// The name on the wire; `None` where nothing tells animals apart.
    pub(crate) fn name(&self) -> Option<&'static str> {
        match self {
            Self::Off => None,
            Self::Tracker(options) => Some(options.kind().name()),
            Self::Model => Some("model"),
        }
    }

    /// The tracker of a new stream or file, whose first track has the number `next`.
    pub(super) fn begin(&self, next: u32) -> Option<PredictionTracker> {
        let Self::Tracker(options) = self else {
            return None;
        };
        // The options were checked when the worker started.
        PredictionTracker::new(TrackerOptions::clone(options), next)
            .inspect_err(|error| tracing::error!(%error, "no tracks"))
            .ok()
    }
}

#[cfg(test)]
mod tests {
    use tracking::TrackerKind;

    use super::*;

    #[test]
    fn a_model_that_knows_identities_keeps_them() {
        let classic = || Some(TrackerOptions::of(TrackerKind::Classic));
        let name = |options, model| WorkerTracking::decide(options, model).name();
        assert_eq!(name(None, false), None);
        assert_eq!(name(classic(), false), Some("classic"));
        assert_eq!(name(classic(), true), Some("model"));
        assert_eq!(name(None, true), Some("model"));
        assert!(WorkerTracking::decide(classic(), true).begin(0).is_none());
        assert!(WorkerTracking::decide(classic(), false).begin(0).is_some());
    }
}
