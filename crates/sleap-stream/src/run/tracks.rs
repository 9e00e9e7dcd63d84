//! Which animal is which, told where results arrive.

use std::collections::HashMap;

use protocol::{FrameId, Prediction};
use tracking::{Detection, OptionsError, Tracker, TrackerOptions};

/// Gives the instances of predictions tracks.
pub(crate) struct Tracks {
    tracker: Tracker,
    newest: Option<FrameId>,
}

impl Tracks {
    pub(crate) fn new(options: TrackerOptions) -> Result<Self, OptionsError> {
        Ok(Self {
            tracker: Tracker::new(options)?,
            newest: None,
        })
    }

    /// Gives the instances of a frame tracks. A prediction of a model that knows identities keeps
    /// its own. A frame that comes after a newer one gets none: the animals have moved on.
    pub(crate) fn assign(&mut self, prediction: &mut Prediction) {
        let has_identities = prediction.tracks.iter().any(Option::is_some);
        let is_late = self
            .newest
            .is_some_and(|newest| prediction.frame_id <= newest);
        if has_identities || is_late {
            return;
        }
        self.newest = Some(prediction.frame_id);
        let indices = 0..prediction.instances.len();
        let detections: Vec<_> = indices.map(|index| detection(prediction, index)).collect();
        let assigned = self.tracker.track(prediction.frame_id, &detections);
        // The names that sleap-nn gives.
        let name = |track: u32| format!("track_{track}");
        prediction.tracks = assigned
            .iter()
            .map(|one| one.map(|one| name(one.track)))
            .collect();
        let score = |one: &Option<tracking::TrackAssignment>| one.map(|one| one.score as f32);
        prediction.track_scores = assigned.iter().map(score).collect();
    }
}

/// Gives each track a colour: instances are drawn in the colour of their place in the list.
#[derive(Default)]
pub(crate) struct TrackColors(HashMap<String, usize>);

/// Tracks with a colour of their own; further ones are drawn behind them.
const MAX_COLORED_TRACKS: usize = 64;

impl TrackColors {
    /// The instances of a prediction, each at the place of its track. Places of tracks that are not
    /// in the frame are empty.
    pub(crate) fn arrange(&mut self, prediction: Prediction) -> Vec<InstancePoints> {
        let mut placed: Vec<InstancePoints> = Vec::new();
        let mut others = Vec::new();
        let names = prediction
            .tracks
            .into_iter()
            .map(Some)
            .chain(std::iter::repeat(None));
        for (points, name) in prediction.instances.into_iter().zip(names) {
            match name.flatten().and_then(|name| self.place(name)) {
                Some(place) => {
                    placed.resize_with(placed.len().max(place + 1), Vec::new);
                    placed[place] = points;
                }
                None => others.push(points),
            }
        }
        placed.extend(others);
        placed
    }

    fn place(&mut self, name: String) -> Option<usize> {
        let next = self.0.len();
        match self.0.get(&name) {
            Some(place) => Some(*place),
            None if next == MAX_COLORED_TRACKS => None,
            None => Some(*self.0.entry(name).or_insert(next)),
        }
    }
}

/// `[node]`: x and y in pixels; `None` where the node is not visible.
type InstancePoints = Vec<Option<[f32; 2]>>;

/// An instance as a tracker takes it.
fn detection(prediction: &Prediction, index: usize) -> Detection {
    let wide = |value: Option<f32>| value.map_or(f64::NAN, f64::from);
    let points = prediction.instances[index].iter();
    let scores = prediction.confidence.get(index).into_iter().flatten();
    let point_scores: Vec<f64> = scores.map(|score| wide(*score)).collect();
    let score = prediction.instance_scores.get(index).copied().flatten();
    let known = point_scores.iter().filter(|score| score.is_finite());
    Detection {
        points: points
            .map(|point| point.map_or([f64::NAN; 2], |xy| xy.map(f64::from)))
            .collect(),
        score: score.map_or_else(|| known.sum(), f64::from),
        point_scores,
    }
}

#[cfg(test)]
mod tests {
    use tracking::TrackerKind;

    use super::*;

    fn prediction(frame_id: FrameId, xs: &[f32]) -> Prediction {
        Prediction {
            frame_id,
            instances: xs
                .iter()
                .map(|x| vec![Some([*x, 5.0]), Some([x + 9.0, 8.0])])
                .collect(),
            confidence: xs.iter().map(|_| vec![Some(0.9); 2]).collect(),
            ..Prediction::default()
        }
    }

    fn tracked(tracks: &mut Tracks, mut prediction: Prediction) -> Vec<Option<String>> {
        tracks.assign(&mut prediction);
        prediction.check().expect("arrays that fit");
        prediction.tracks
    }

    #[test]
    fn animals_keep_their_names_in_any_order() {
        let mut tracks = Tracks::new(TrackerOptions::of(TrackerKind::Classic)).unwrap();
        let first = tracked(&mut tracks, prediction(0, &[10.0, 200.0]));
        assert_eq!(
            first,
            [Some("track_0".to_owned()), Some("track_1".to_owned())]
        );
        let second = tracked(&mut tracks, prediction(1, &[198.0, 12.0]));
        assert_eq!(second, [first[1].clone(), first[0].clone()]);
    }

    #[test]
    fn identities_of_the_model_stay() {
        let mut tracks = Tracks::new(TrackerOptions::of(TrackerKind::Classic)).unwrap();
        let known = Prediction {
            tracks: vec![Some("female".to_owned()), None],
            ..prediction(0, &[10.0, 200.0])
        };
        assert_eq!(tracked(&mut tracks, known.clone()), known.tracks);
    }

    #[test]
    fn a_frame_that_comes_late_has_no_tracks() {
        let mut tracks = Tracks::new(TrackerOptions::of(TrackerKind::Animals)).unwrap();
        for frame in 0..6 {
            tracked(&mut tracks, prediction(frame, &[10.0]));
        }
        assert!(tracked(&mut tracks, prediction(3, &[10.0])).is_empty());
        assert_eq!(
            tracked(&mut tracks, prediction(6, &[10.0])),
            [Some("track_0".to_owned())]
        );
    }

    #[test]
    fn a_track_keeps_its_place_among_the_colours() {
        let mut colors = TrackColors::default();
        let named = |names: &[Option<&str>], xs: &[f32]| Prediction {
            tracks: names.iter().map(|name| name.map(str::to_owned)).collect(),
            ..prediction(0, xs)
        };
        let first = |points: &InstancePoints| points.first().copied().flatten().map(|xy| xy[0]);
        let mut places = |names: &[Option<&str>], xs: &[f32]| -> Vec<Option<f32>> {
            colors.arrange(named(names, xs)).iter().map(first).collect()
        };
        assert_eq!(
            places(&[Some("a"), Some("b")], &[1.0, 2.0]),
            [Some(1.0), Some(2.0)]
        );
        assert_eq!(
            places(&[Some("b"), None], &[3.0, 4.0]),
            [None, Some(3.0), Some(4.0)]
        );
        assert_eq!(places(&[], &[5.0]), [Some(5.0)]);
    }
}
