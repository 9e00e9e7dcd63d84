//! The poses of a frame, as rules take them.

use std::borrow::Cow;

use protocol::{DerivedPoses, Prediction, track_called};
use rules::FramePoses;

/// What each track is called: the name that it was given, else its own.
pub fn names<'a>(prediction: &'a Prediction, derived: &DerivedPoses) -> Cow<'a, [Option<String>]> {
    let (tracks, given) = (&prediction.tracks, &derived.names);
    if given.is_empty() {
        return Cow::Borrowed(tracks);
    }
    let called = |index| track_called(tracks, given, index).map(str::to_owned);
    (0..tracks.len()).map(called).collect()
}

/// The poses of a frame, and those that were computed from them. `names`: those of [`names`].
pub fn frame_poses<'a>(
    prediction: &'a Prediction,
    derived: &'a DerivedPoses,
    names: &'a [Option<String>],
    captured_us: u64,
) -> FramePoses<'a> {
    FramePoses {
        frame_id: prediction.frame_id,
        captured_us,
        names,
        measured: &prediction.instances,
        ahead: derived.ahead.as_ref().map(|it| it.instances.as_slice()),
        smooth: derived.smooth.as_ref().map(|it| it.instances.as_slice()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_know_animals_by_the_names_that_they_were_given() {
        let prediction = Prediction {
            tracks: ["track_0", "track_1"]
                .map(|name| Some(name.to_owned()))
                .into(),
            ..Prediction::default()
        };
        let mut derived = DerivedPoses::default();
        assert_eq!(*names(&prediction, &derived), prediction.tracks);
        derived.names = vec![None, Some("mouse A".to_owned())];
        assert_eq!(
            *names(&prediction, &derived),
            [Some("track_0".to_owned()), Some("mouse A".to_owned())]
        );
    }
}
