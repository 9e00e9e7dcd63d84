//! What can be chosen, by sleap-nn's names and with its defaults.

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
