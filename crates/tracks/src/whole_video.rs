//! Tracks of a recording, once all of its frames are there.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use labels::{PredictionRecord, Revision};
use protocol::track_name;
use tracking::{
    FinalInstance, TrackAssignment, TrackerOptions, VideoFrame, VideoFrames, final_tracks,
};

use crate::detections::detections;
use crate::final_names::rename;

/// What gives the records of a video their final tracks, where these options do so at its end. `first`: the
/// number of the tracker's first track.
///
/// `kept_any`: tracks were kept that are not this tracker's; nothing changes then.
pub(crate) fn revision(
    options: &TrackerOptions,
    first: u32,
    kept_any: Arc<AtomicBool>,
) -> Option<Revision> {
    let options = options.looks_back().then(|| options.clone())?;
    Some(Box::new(move |records| {
        if kept_any.load(Relaxed) {
            return Ok(false);
        }
        revise(&options, first, records)
    }))
}

fn revise(
    options: &TrackerOptions,
    first: u32,
    records: &mut [PredictionRecord],
) -> Result<bool, String> {
    let mut names = Names::default();
    let numbers: Vec<Vec<Option<u32>>> = records
        .iter()
        .map(|record| {
            let tracks = record.prediction.tracks.iter();
            tracks
                .map(|name| name.as_ref().map(|name| names.number(name)))
                .collect()
        })
        .collect();
    let video = Video {
        records,
        numbers: &numbers,
    };
    let all = final_tracks(options, &video).map_err(|error| error.to_string())?;
    let Some(all) = all else {
        return Ok(false);
    };
    // Trackers of boxes number their tracks again; `classic` keeps those that it gave.
    let name = |number: u32| match options {
        TrackerOptions::Classic(_) => names.name(number),
        _ => track_name(first.saturating_add(number)),
    };
    for (record, instances) in records.iter_mut().zip(all) {
        apply(record, &instances, &name);
    }
    rename(records);
    Ok(true)
}

fn apply(record: &mut PredictionRecord, instances: &[FinalInstance], name: &dyn Fn(u32) -> String) {
    let found = |instance: &FinalInstance| match instance {
        FinalInstance::Kept(found) => *found,
        FinalInstance::Removed => None,
    };
    let tracks = instances.iter().map(found);
    record.prediction.tracks = tracks
        .clone()
        .map(|found| found.map(|found| name(found.track)))
        .collect();
    record.prediction.track_scores = tracks
        .map(|found| found.map(|found| found.score as f32))
        .collect();
    let stays = |instance: &FinalInstance| !matches!(instance, FinalInstance::Removed);
    let stays: Vec<bool> = instances.iter().map(stays).collect();
    if stays.contains(&false) {
        record.retain(&stays);
    }
}

/// Numbers for the names of tracks.
#[derive(Default)]
struct Names {
    numbers: HashMap<String, u32>,
    names: Vec<String>,
}

impl Names {
    fn number(&mut self, name: &str) -> u32 {
        if let Some(number) = self.numbers.get(name) {
            return *number;
        }
        let number = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        self.numbers.insert(name.to_owned(), number);
        self.names.push(name.to_owned());
        number
    }

    fn name(&self, number: u32) -> String {
        let name = self.names.get(number as usize);
        name.cloned().unwrap_or_else(|| track_name(number))
    }
}

/// Records as the frames of a video.
struct Video<'a> {
    records: &'a [PredictionRecord],
    /// `[record][instance]`: the number of its track.
    numbers: &'a [Vec<Option<u32>>],
}

impl VideoFrames for Video<'_> {
    fn count(&self) -> usize {
        self.records.len()
    }

    fn frame(&self, index: usize) -> VideoFrame {
        let prediction = &self.records[index].prediction;
        let indices = 0..prediction.instances.len();
        let track = |instance: usize| {
            let track = self.numbers[index].get(instance).copied().flatten()?;
            let score = prediction.track_scores.get(instance).copied().flatten();
            let score = score.map_or(0.0, f64::from);
            Some(TrackAssignment { track, score })
        };
        VideoFrame {
            frame: prediction.frame_id,
            detections: detections(prediction),
            tracks: indices.map(track).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use protocol::Prediction;
    use tracking::{ClassicOptions, TrackerKind};

    use super::*;

    fn record(frame_id: u64, found: &[(f32, f32, Option<&str>)]) -> PredictionRecord {
        let pose = |x: f32| vec![Some([x, 5.0]), Some([x + 20.0, 30.0])];
        PredictionRecord {
            prediction: Prediction {
                frame_id,
                instances: found.iter().map(|(x, ..)| pose(*x)).collect(),
                confidence: found
                    .iter()
                    .map(|(_, score, _)| vec![Some(*score); 2])
                    .collect(),
                tracks: found
                    .iter()
                    .map(|(.., track)| track.map(str::to_owned))
                    .collect(),
                ..Prediction::default()
            },
            ..PredictionRecord::default()
        }
    }

    fn tracks(record: &PredictionRecord) -> Vec<Option<&str>> {
        let tracks = record.prediction.tracks.iter();
        tracks.map(Option::as_deref).collect()
    }

    #[test]
    fn boxes_have_their_tracks_from_the_first_frame_on() {
        let options = TrackerOptions::of(TrackerKind::Sort);
        let mut records: Vec<_> = (0..8)
            .map(|frame| record(frame, &[(2.0 * frame as f32, 0.9, None)]))
            .collect();
        let revision = revision(&options, 0, Arc::default()).expect("it looks back");
        assert_eq!(revision(&mut records), Ok(true));
        for record in &records {
            assert_eq!(tracks(record), [Some("track_0")]);
            assert!(record.prediction.track_scores[0].is_some());
        }
    }

    #[test]
    fn numbers_begin_where_those_of_the_tracker_did() {
        let options = TrackerOptions::of(TrackerKind::Sort);
        let mut records: Vec<_> = (0..8)
            .map(|frame| record(frame, &[(2.0, 0.9, None)]))
            .collect();
        let revision = revision(&options, 7, Arc::default()).expect("it looks back");
        assert_eq!(revision(&mut records), Ok(true));
        assert_eq!(tracks(&records[0]), [Some("track_7")]);
    }

    #[test]
    fn cleaned_instances_go_with_all_that_belongs_to_them_and_tracks_keep_their_names() {
        let options = TrackerOptions::Classic(ClassicOptions {
            tracking_clean_instance_count: 1,
            ..ClassicOptions::default()
        });
        let found = [(0.0, 0.4, Some("track_7")), (90.0, 0.9, Some("track_12"))];
        let mut records = vec![record(0, &found), record(1, &[])];
        let revision = revision(&options, 0, Arc::default()).expect("it looks back");
        assert_eq!(revision(&mut records), Ok(true));
        assert_eq!(tracks(&records[0]), [Some("track_12")]);
        records[0].prediction.check().expect("arrays that fit");
        assert_eq!(records[0].prediction.instances[0][0], Some([90.0, 5.0]));
    }

    #[test]
    fn tracks_of_the_sender_stay() {
        let options = TrackerOptions::of(TrackerKind::ByteTrack);
        let mut records = vec![record(0, &[(0.0, 0.9, Some("female"))])];
        let kept = Arc::new(AtomicBool::new(true));
        let revision = revision(&options, 0, kept).expect("it looks back");
        assert_eq!(revision(&mut records), Ok(false));
        assert_eq!(tracks(&records[0]), [Some("female")]);
    }

    #[test]
    fn trackers_that_do_not_look_back_have_no_revision() {
        for kind in [TrackerKind::Animals, TrackerKind::Classic] {
            assert!(revision(&TrackerOptions::of(kind), 0, Arc::default()).is_none());
        }
    }
}
