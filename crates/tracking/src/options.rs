//! What can be chosen, by sleap-nn's names and with its defaults.

use flow::FlowOptions;

use crate::animals::AnimalsOptions;
use crate::choice::choice;
use crate::classic::ClassicOptions;
use crate::mot::{MotKind, MotOptions};

choice! {
    /// How tracks are made.
    enum TrackerKind {
        /// A motion model, poses, and a number of animals that is given or found out.
        Animals = "animals",
        /// sleap-nn's own: each detection is compared with those of the last frames.
        Classic = "classic",
        /// Boxes and a Kalman filter (Bewley and others, 2016).
        Sort = "sort",
        /// Boxes; those of low scores continue tracks and start none (Zhang and others, 2022).
        ByteTrack = "bytetrack",
        /// Boxes and the direction of motion (Cao and others, 2023).
        OcSort = "ocsort",
    }
}

/// A tracker with its options.
#[derive(Debug, Clone, PartialEq)]
pub enum TrackerOptions {
    /// [`TrackerKind::Animals`].
    Animals(AnimalsOptions),
    /// [`TrackerKind::Classic`].
    Classic(ClassicOptions),
    /// [`TrackerKind::Sort`], [`TrackerKind::ByteTrack`] or [`TrackerKind::OcSort`].
    Mot(MotOptions),
}

impl TrackerOptions {
    /// The tracker.
    pub fn kind(&self) -> TrackerKind {
        match self {
            Self::Animals(_) => TrackerKind::Animals,
            Self::Classic(_) => TrackerKind::Classic,
            Self::Mot(options) => match options.kind {
                MotKind::Sort => TrackerKind::Sort,
                MotKind::ByteTrack => TrackerKind::ByteTrack,
                MotKind::OcSort => TrackerKind::OcSort,
            },
        }
    }

    /// How the tracker looks at the frames' pictures; `None` where it does not.
    pub fn flow(&self) -> Option<&FlowOptions> {
        match self {
            Self::Classic(options) if options.use_flow => Some(&options.flow),
            _ => None,
        }
    }

    /// Whether tracks change once all frames of a video are there.
    pub fn looks_back(&self) -> bool {
        match self {
            Self::Animals(_) => false,
            Self::Classic(options) => options.looks_back(),
            Self::Mot(_) => true,
        }
    }

    /// Whether instances without a track are left out: those of a pre-cull, and those over the number of tracks.
    pub fn leaves_out_untracked(&self) -> bool {
        matches!(self, Self::Classic(_))
    }

    /// Whether options were given that mean nothing before all frames of a video are there.
    pub fn needs_whole_video(&self) -> bool {
        match self {
            Self::Animals(_) => false,
            Self::Classic(options) => options.looks_back(),
            Self::Mot(options) => options.joins_tracks(),
        }
    }

    /// A tracker with its defaults.
    pub fn of(kind: TrackerKind) -> Self {
        match kind {
            TrackerKind::Animals => Self::Animals(AnimalsOptions::default()),
            TrackerKind::Classic => Self::Classic(ClassicOptions::default()),
            TrackerKind::Sort => Self::Mot(MotOptions::sort()),
            TrackerKind::ByteTrack => Self::Mot(MotOptions::bytetrack()),
            TrackerKind::OcSort => Self::Mot(MotOptions::ocsort()),
        }
    }
}
