use protocol::StreamStart;
use tokio::sync::mpsc;

use super::*;
use crate::streams::FrameOrigin;

fn stream(name: &str) -> Arc<ResultRoute> {
    let start = StreamStart {
        source_name: name.into(),
        original_width: 4,
        original_height: 2,
        fps: Some(30.0),
        ..StreamStart::default()
    };
    Arc::new(ResultRoute::new(mpsc::channel(1).0, true).of(FrameOrigin::from(&start)))
}

fn starts(sink: &mut PosesSink, stream: &Arc<ResultRoute>) {
    let skeleton = Skeleton {
        nodes: vec!["nose".into()],
        ..Skeleton::default()
    };
    sink.stream_started(&StreamHeader {
        stream,
        model: None,
        skeleton: Some(&skeleton),
    });
}

fn pose(frame_id: u64) -> Message {
    Message::Prediction(Prediction {
        frame_id,
        instances: vec![vec![Some([1.0, 2.0])]],
        ..Prediction::default()
    })
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

#[test]
fn every_stream_with_predictions_has_a_file_of_its_own_and_none_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let mut sink = PosesSink::new(&dir.path().join("poses")).unwrap();
    let dir = dir.path().join("poses");
    let (first, second, third) = (stream("mouse.mp4"), stream("mouse.mp4"), stream("none"));
    // Of the same name, at the same time.
    for stream in [&first, &second, &third] {
        starts(&mut sink, stream);
    }
    for id in 0..3 {
        sink.result(&DecodedFrame::example(id, &first), &pose(id));
    }
    sink.result(&DecodedFrame::example(7, &second), &pose(7));
    sink.result(&DecodedFrame::example(8, &third), &Message::KeepAlive);
    for stream in [&first, &second, &third] {
        sink.stream_ended(stream);
    }
    sink.counts().check().unwrap();
    let files = files(&dir);
    assert_eq!(files.len(), 2, "{files:?}");
    for file in &files {
        let name = file.file_name().unwrap().to_string_lossy();
        assert!(
            name.contains("-mouse.mp4") && name.ends_with(".slp"),
            "{name}"
        );
        assert!(std::fs::read(file).unwrap().starts_with(b"\x89HDF"));
    }
}

#[test]
fn predictions_that_cannot_be_written_are_lost_with_a_reason() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("poses");
    let mut sink = PosesSink::new(&dir).unwrap();
    std::fs::remove_dir_all(&dir).unwrap();
    let stream = stream("mouse.mp4");
    starts(&mut sink, &stream);
    for id in 0..3 {
        sink.result(&DecodedFrame::example(id, &stream), &pose(id));
    }
    sink.stream_ended(&stream);
    let error = sink.counts().check().unwrap_err().to_string();
    assert!(
        error.contains("3 of 3") && error.contains("poses"),
        "{error}"
    );
    // The next stream is saved where that is possible again.
    std::fs::create_dir(&dir).unwrap();
    starts(&mut sink, &stream);
    sink.result(&DecodedFrame::example(0, &stream), &pose(0));
    drop(sink);
    assert_eq!(files(&dir).len(), 1);
}

#[test]
fn a_prediction_that_the_file_cannot_hold_is_counted_as_lost() {
    let dir = tempfile::tempdir().unwrap();
    let mut sink = PosesSink::new(dir.path()).unwrap();
    let stream = stream("mouse.mp4");
    starts(&mut sink, &stream);
    let two_nodes = Message::Prediction(Prediction {
        frame_id: 1,
        instances: vec![vec![Some([1.0, 2.0]); 2]],
        ..Prediction::default()
    });
    sink.result(&DecodedFrame::example(0, &stream), &pose(0));
    sink.result(&DecodedFrame::example(1, &stream), &two_nodes);
    sink.stream_ended(&stream);
    let error = sink.counts().check().unwrap_err().to_string();
    assert!(
        error.contains("1 of 2") && error.contains("nodes"),
        "{error}"
    );
}

#[test]
fn a_folder_that_cannot_be_used_is_refused_at_the_start() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("file");
    std::fs::write(&file, "").unwrap();
    let error = PosesSink::new(&file.join("poses")).err();
    let error = format!("{:#}", error.expect("no folder"));
    assert!(error.contains("--save-poses"), "{error}");
}
