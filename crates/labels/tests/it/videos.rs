//! Which video and which of its frames a record is of.

use hdf5_pure::File;
use labels::{LabelsHeader, LabelsOutputs, PredictionRecord, VideoReference};
use protocol::Prediction;

fn video(filename: &str) -> VideoReference {
    VideoReference {
        filename: filename.into(),
        height: 48,
        width: 64,
        channels: 3,
        ..VideoReference::default()
    }
}

fn record(frame_id: u64, recorded: Option<u64>) -> PredictionRecord {
    PredictionRecord {
        prediction: Prediction {
            frame_id,
            instances: vec![vec![Some([1.0, 2.0])]],
            ..Prediction::default()
        },
        recorded,
        ..PredictionRecord::default()
    }
}

/// `video` and `frame_idx` of each frame, and the texts of the videos.
fn written(
    header: &LabelsHeader,
    records: &[PredictionRecord],
) -> (Vec<(u32, u64)>, Vec<String>, String) {
    let dir = tempfile::tempdir().unwrap();
    let paths = [dir.path().join("a.slp"), dir.path().join("a.csv")];
    let outputs = LabelsOutputs::open(&paths, false, header).unwrap();
    for record in records {
        outputs.write(record.clone());
    }
    assert!(outputs.finish().lacking.is_empty());
    let file = File::open(&paths[0]).unwrap();
    let frames = file.dataset("frames").unwrap().read_raw().unwrap();
    let place = |row: &[u8]| {
        let video = u32::from_le_bytes(row[8..12].try_into().unwrap());
        (video, u64::from_le_bytes(row[12..20].try_into().unwrap()))
    };
    let videos = file.dataset("videos_json").unwrap().read_string().unwrap();
    let csv = std::fs::read_to_string(&paths[1]).unwrap();
    (frames.chunks(36).map(place).collect(), videos, csv)
}

#[test]
fn without_a_recording_the_source_is_the_video() {
    let header = LabelsHeader {
        video: video("/data/source.mp4"),
        ..LabelsHeader::default()
    };
    let (frames, videos, _) = written(&header, &[record(7, None), record(9, None)]);
    assert_eq!(frames, [(0, 7), (0, 9)]);
    assert_eq!(videos.len(), 1);
    assert!(videos[0].contains("/data/source.mp4"), "{}", videos[0]);
}

#[test]
fn images_are_named_each() {
    let header = LabelsHeader {
        video: VideoReference {
            images: ["/data/a.png", "/data/b.png"].map(str::to_owned).into(),
            frames: Some(2),
            ..video("/data/a.png")
        },
        ..LabelsHeader::default()
    };
    let (_, videos, csv) = written(&header, &[record(0, None), record(1, None)]);
    let video: serde_json::Value = serde_json::from_str(&videos[0]).unwrap();
    assert_eq!(video["backend"]["type"], "ImageVideo");
    assert_eq!(video["backend"]["filenames"][1], "/data/b.png");
    let rows: Vec<&str> = csv.lines().skip(1).collect();
    assert!(rows[0].starts_with("0,/data/a.png,") && rows[1].starts_with("1,/data/b.png,"));
}

/// The length that readers show which do not open the video.
#[track_caller]
fn assert_has_frames(video: &str, frames: u64) {
    let video: serde_json::Value = serde_json::from_str(video).unwrap();
    assert_eq!(video["backend"]["shape"][0], frames, "{video}");
}

#[test]
fn a_video_has_at_least_the_frames_that_records_name() {
    let header = LabelsHeader {
        video: video("webcam 0"),
        ..LabelsHeader::default()
    };
    let (_, videos, _) = written(
        &header,
        &[record(7, None), record(9, None), record(8, None)],
    );
    assert_has_frames(&videos[0], 10);
    let known = VideoReference {
        frames: Some(240),
        ..video("/data/source.mp4")
    };
    let header = LabelsHeader {
        video: known,
        ..LabelsHeader::default()
    };
    let (_, videos, _) = written(&header, &[record(7, None)]);
    assert_has_frames(&videos[0], 240);
}

#[test]
fn a_frame_that_the_recording_lacks_is_one_of_the_source() {
    let header = LabelsHeader {
        video: video("/data/recorded.mkv"),
        source: Some(video("webcam 0")),
        ..LabelsHeader::default()
    };
    let all_recorded = [record(7, Some(0)), record(9, Some(1))];
    let (frames, videos, _) = written(&header, &all_recorded);
    assert_eq!((frames, videos.len()), (vec![(0, 0), (0, 1)], 1));
    let records = [&all_recorded[..], &[record(12, None), record(13, Some(2))]].concat();
    let (frames, videos, csv) = written(&header, &records);
    assert_eq!(frames, [(0, 0), (0, 1), (1, 12), (0, 2)]);
    assert_eq!(videos.len(), 2);
    assert!(videos[1].contains("webcam 0"), "{}", videos[1]);
    assert_has_frames(&videos[0], 3);
    let places: Vec<String> = csv
        .lines()
        .skip(1)
        .map(|row| row.split(',').take(2).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        places,
        [
            "0 /data/recorded.mkv",
            "1 /data/recorded.mkv",
            "12 webcam 0",
            "2 /data/recorded.mkv"
        ]
    );
}
