use protocol::{AheadPoses, Skeleton};

use super::*;
use crate::{LabelsHeader, LabelsOutputs, PredictionRecord};

fn record(frame_id: u64, tracks: &[Option<&str>]) -> PredictionRecord {
    let instance = |index: usize| vec![Some([index as f32 + 0.5, 2.25]), None];
    PredictionRecord {
        prediction: Prediction {
            frame_id,
            instances: (0..tracks.len()).map(instance).collect(),
            tracks: tracks.iter().map(|name| name.map(str::to_owned)).collect(),
            ..Prediction::default()
        },
        captured_us: Some(1_700_000_000_000_000 + frame_id),
        derived: DerivedPoses {
            ahead: Some(AheadPoses {
                by_ms: 60.0,
                instances: (0..tracks.len()).map(instance).collect(),
                ..AheadPoses::default()
            }),
            ..DerivedPoses::default()
        },
        ..PredictionRecord::default()
    }
}

#[test]
fn what_was_written_is_read_again() {
    let dir = tempfile::tempdir().unwrap();
    let paths = ["a.slp", "a.jsonl"].map(|name| dir.path().join(name));
    let header = LabelsHeader {
        skeleton: Some(Skeleton {
            name: "mouse".into(),
            nodes: vec!["nose".into(), "tail".into()],
            edges: vec![[0, 1]],
        }),
        ..LabelsHeader::default()
    };
    let outputs = LabelsOutputs::open(&paths, false, &header).unwrap();
    let mut records = vec![
        record(0, &[]),
        record(3, &[Some("a"), None]),
        record(4, &[Some("b")]),
    ];
    // More than are read at once.
    records.extend((5..700).map(|frame| record(frame, &[Some("a"), Some("b")])));
    records
        .iter()
        .for_each(|record| outputs.write(record.clone()));
    assert!(outputs.finish().lacking.is_empty());
    for path in &paths {
        let recorded = RecordedPoses::open(path).unwrap();
        let is_slp = recorded.nodes().is_some();
        assert_eq!(recorded.nodes().map(<[_]>::len), is_slp.then_some(2));
        let frames: Vec<RecordedFrame> = recorded.map(Result::unwrap).collect();
        assert_eq!(frames.len(), records.len());
        for (frame, record) in frames.iter().zip(&records) {
            assert_eq!(frame.captured_us, record.captured_us);
            assert_eq!(frame.prediction.frame_id, record.prediction.frame_id);
            assert_eq!(frame.prediction.instances, record.prediction.instances);
            assert_eq!(frame.prediction.tracks, record.prediction.tracks);
            assert_eq!(frame.derived.ahead.is_some(), !is_slp);
        }
    }
}

#[test]
fn files_that_are_none_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str, content: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        path
    };
    let open = |path: &Path| {
        RecordedPoses::open(path)
            .err()
            .map(|error| error.to_string())
    };
    assert!(
        open(&path("a.csv", ""))
            .unwrap()
            .contains(".slp and .jsonl")
    );
    assert!(open(&path("a.slp", "no HDF5")).is_some());
    assert!(
        open(&dir.path().join("absent.slp"))
            .unwrap()
            .contains("No such file")
    );
    let lines = path(
        "a.jsonl",
        "{\"frame_id\":1,\"instances\":[]}\n{\"frame_id\":2",
    );
    let frames: Vec<_> = RecordedPoses::open(&lines).unwrap().collect();
    assert!(frames[0].is_ok());
    let error = frames[1].as_ref().unwrap_err().to_string();
    assert!(error.contains("line 2"), "{error}");
}

#[cfg(unix)]
#[test]
fn devices_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["poses.jsonl", "poses.slp"] {
        let path = dir.path().join(name);
        std::os::unix::fs::symlink("/dev/zero", &path).unwrap();
        let error = RecordedPoses::open(&path).err().expect("no file");
        let error = error.to_string();
        assert!(error.contains("not a regular file"), "{error}");
    }
}
