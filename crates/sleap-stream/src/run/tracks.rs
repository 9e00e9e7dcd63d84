//! Which animal is which: tracks of the client's tracker or of the worker, and their names.

use labels::Revision;
use protocol::{Prediction, StreamAck, TrackNames, text};
use tracking::flow::{FlowOptions, Picture, Pyramid};
use tracking::{FramePicture, OptionsError, TrackerOptions};
use tracks::{PredictionTracker, TrackCensus, TrackColors, TrackNumbers};
use vision::capture::FrameContent;
use vision::draw::TrackMark;

/// The tracks of a stream.
#[derive(Default)]
pub(crate) struct ClientTracks {
    /// The client's tracker, with `--tracking`.
    tracker: Option<PredictionTracker>,
    numbers: TrackNumbers,
    names: TrackNames,
    colors: TrackColors,
    /// Counts the tracks, where that is of use.
    census: Option<TrackCensus>,
}

impl ClientTracks {
    /// A stream without a prediction so far. `options`: those of `--tracking`.
    fn new(options: Option<TrackerOptions>) -> Result<Self, OptionsError> {
        let tracker = options.map(|options| PredictionTracker::new(options, 0));
        Ok(Self {
            tracker: tracker.transpose()?,
            ..Self::default()
        })
    }

    /// A stream that this worker takes.
    pub(crate) fn begin(
        options: Option<TrackerOptions>,
        ack: &StreamAck,
    ) -> Result<Self, OptionsError> {
        let mut tracks = Self::new(options)?;
        tracks.connected(ack);
        Ok(tracks)
    }

    /// A worker takes the stream. Where it tells animals apart its tracks are kept.
    pub(crate) fn connected(&mut self, ack: &StreamAck) {
        let Some(tracker) = &mut self.tracker else {
            return;
        };
        tracker.set_sender_tracks(ack.tracker.is_some());
        let Some(name) = &ack.tracker else { return };
        let name = text::cut(name, text::NAME);
        match name.as_ref() {
            "model" => tracing::info!(
                "the worker's model knows which animal is which: its tracks are kept, and --tracking does nothing"
            ),
            name => tracing::info!(
                tracker = name,
                "the worker tells animals apart: its tracks are kept, and --tracking does nothing"
            ),
        }
    }

    /// What gives the poses of a whole video their final tracks, where the client's tracker does so at its end.
    pub(crate) fn revision(&self) -> Option<Revision> {
        self.tracker.as_ref()?.revision()
    }

    /// Gives the instances of a frame tracks, where they have none and the client is to. `content`: the frame
    /// itself, where the tracker looks at it.
    pub(crate) fn assign(&mut self, prediction: &mut Prediction, content: Option<&FrameContent>) {
        if let Some(tracker) = &mut self.tracker {
            let flow = tracker.flow();
            let seen = flow.and_then(|options| seen(content?, &options));
            tracker.assign_seen(prediction, None, seen);
        }
        self.numbers.add(prediction);
        if let Some(census) = &mut self.census {
            census.add(prediction);
        }
    }

    /// Counts the tracks from now on, if `are_counted`.
    pub(crate) fn counted(self, are_counted: bool) -> Self {
        Self {
            census: are_counted.then(TrackCensus::default),
            ..self
        }
    }

    /// The count of the tracks, where they are counted.
    pub(crate) fn census(&self) -> Option<&TrackCensus> {
        self.census.as_ref()
    }

    /// The number of the first track that a further worker may begin.
    pub(crate) fn next_number(&self) -> u32 {
        self.numbers.next()
    }

    /// Takes names over that people gave at the worker's page.
    pub(crate) fn name(&mut self, changes: &TrackNames) {
        for (track, name) in self.names.change(changes).names {
            match name.is_empty() {
                true => tracing::info!(track, "the track has no other name any more"),
                false => tracing::info!(track, name, "the track has a name"),
            }
        }
    }

    /// The names that the tracks of a prediction were given; empty where there are none.
    pub(crate) fn names(&self, prediction: &Prediction) -> Vec<Option<String>> {
        self.names.of(&prediction.tracks)
    }

    /// How the tracks of a prediction are drawn.
    pub(crate) fn marks(&mut self, prediction: &Prediction) -> Vec<Option<TrackMark>> {
        let given = self.names(prediction);
        let marks = self.colors.marks(&prediction.tracks, &given);
        marks
            .into_iter()
            .map(|mark| mark.map(TrackMark::from))
            .collect()
    }
}

/// A frame as a tracker sees it; `None` where it cannot be decoded.
fn seen(content: &FrameContent, options: &FlowOptions) -> Option<FramePicture> {
    let image = content.brightness().ok()?;
    let picture = Picture::new(image.width, image.height, image.channels, &image.data);
    let pyramid = Pyramid::new(&picture.ok()?, options);
    Some(FramePicture::new(pyramid))
}

#[cfg(test)]
mod tests {
    use tracking::TrackerKind;

    use super::*;

    fn named(names: &[Option<&str>]) -> Prediction {
        Prediction {
            instances: vec![vec![Some([1.0, 2.0])]; names.len()],
            tracks: names.iter().map(|name| name.map(str::to_owned)).collect(),
            ..Prediction::default()
        }
    }

    #[test]
    fn tracks_of_the_worker_are_kept_and_counted() {
        let options = Some(TrackerOptions::of(TrackerKind::Animals));
        for mut tracks in [ClientTracks::new(options).unwrap(), ClientTracks::default()] {
            let mut prediction = named(&[Some("track_4"), None]);
            tracks.assign(&mut prediction, None);
            assert_eq!(prediction, named(&[Some("track_4"), None]));
            assert_eq!(tracks.next_number(), 5);
        }
    }

    #[test]
    fn a_worker_that_tracks_leaves_the_client_nothing_to_do() {
        let options = Some(TrackerOptions::of(TrackerKind::Classic));
        let mut tracks = ClientTracks::new(options).unwrap();
        let mut ack = StreamAck {
            tracker: Some("animals".to_owned()),
            ..StreamAck::default()
        };
        let untracked = Prediction {
            tracks: Vec::new(),
            ..named(&[None])
        };
        tracks.connected(&ack);
        let mut prediction = untracked.clone();
        tracks.assign(&mut prediction, None);
        assert!(prediction.tracks.is_empty());
        // Another worker in its place does not.
        ack.tracker = None;
        tracks.connected(&ack);
        tracks.assign(&mut prediction, None);
        assert_eq!(prediction.tracks, named(&[Some("track_0")]).tracks);
    }

    #[test]
    fn tracks_are_drawn_with_the_names_that_they_were_given() {
        let mut tracks = ClientTracks::default();
        let prediction = named(&[Some("track_3"), None, Some("track_0")]);
        let changes = [("track_3".to_owned(), "mouse A".to_owned())];
        assert!(tracks.names(&prediction).is_empty());
        tracks.name(&TrackNames {
            names: changes.into(),
        });
        let mark = |color, name: &str| {
            Some(TrackMark {
                color,
                name: name.to_owned(),
            })
        };
        assert_eq!(
            tracks.marks(&prediction),
            [mark(3, "mouse A"), None, mark(0, "track_0")]
        );
        let given = tracks.names(&prediction);
        assert_eq!(given, [Some("mouse A".to_owned()), None, None]);
    }
}
