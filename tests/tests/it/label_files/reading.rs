//! What is in the files, value by value.

use super::*;

#[test]
fn sleap_io_reads_in_slp_and_csv_what_the_json_lines_say() {
    let (worker, files) = (model(), Files::new());
    let video = demo("video.mp4");
    let outputs = files.outputs(&["a.slp", "a.csv", "a.jsonl"]);
    let args = ["--stream", &text(&video), "--frames", "10-49"];
    run(&worker.signal, &args, &outputs).success();
    let (slp, csv) = (files.path("a.slp"), files.path("a.csv"));
    let lines = json_lines(&files.path("a.jsonl"));
    let read = sleap_io_reads(&[&slp, &csv]);
    let labels = &read[0];
    assert_eq!(
        labels["nodes"],
        serde_json::json!(["nose", "head", "thorax", "tail_base", "tail_tip"])
    );
    assert_eq!(
        labels["edges"],
        serde_json::json!([[0, 1], [1, 2], [2, 3], [3, 4]])
    );
    let whole = std::fs::canonicalize(&video).unwrap();
    let named = labels["videos"][0]["filename"].as_str().unwrap();
    assert_eq!(std::fs::canonicalize(named).unwrap(), whole);
    assert_eq!(
        labels["videos"][0]["shape"],
        serde_json::json!([240, 384, 512, 3])
    );
    assert_eq!(labels["videos"][0]["opens"], true);
    assert_eq!(labels["provenance"]["model"], "synthetic_mouse");
    let nodes = labels["nodes"].as_array().unwrap();
    assert_eq!(lines.len(), 40);
    for (row, line) in lines.iter().enumerate() {
        for labels in &read {
            let frame = &labels["frames"][row];
            assert_eq!(frame["frame_idx"], line["frame_id"]);
            assert_same(frame, line, nodes);
        }
        let times = &labels["frame_times"][row];
        for name in ["frame_id", "captured_us", "latency_us"] {
            assert_eq!(times[name], line[name], "{name}");
        }
        assert_eq!(
            (&times["clock"], &line["clock"]),
            (&3.into(), &"arrival".into())
        );
    }
    assert_as_sleap_io_writes(&csv, &slp);
}

/// Two animals, of which one is new in the fourth frame, and an empty frame.
fn tracked(frame_id: u64) -> Prediction {
    let at = frame_id as f32 + 0.25;
    let (instances, tracks): (Vec<_>, Vec<_>) = match frame_id {
        2 => (Vec::new(), Vec::new()),
        0..3 => (vec![vec![Some([at, 1.5]), None]], vec![None]),
        _ => (
            vec![
                vec![Some([at, 1.5]), None],
                vec![Some([1.0, at]), Some([2.0, at])],
            ],
            vec![
                Some("señora \"A\"".to_owned()),
                Some(format!("b{}", frame_id % 2)),
            ],
        ),
    };
    Prediction {
        frame_id,
        confidence: instances
            .iter()
            .map(|points| points.iter().map(|point| point.map(|_| 0.5)).collect())
            .collect(),
        instance_scores: instances.iter().map(|_| Some(at)).collect(),
        track_scores: tracks
            .iter()
            .map(|track| track.as_ref().map(|_| 0.5))
            .collect(),
        instances,
        tracks,
        ..Prediction::default()
    }
}

#[test]
fn tracks_appear_as_they_come_and_empty_frames_stay() {
    let files = Files::new();
    let skeleton = Skeleton {
        name: "pair".into(),
        nodes: vec!["front".into(), "back".into()],
        edges: vec![[1, 0]],
    };
    let outputs = files.outputs(&["a.slp", "a.csv", "a.jsonl"]);
    scripted(Some(skeleton), &outputs, tracked).success();
    let (slp, csv) = (files.path("a.slp"), files.path("a.csv"));
    let read = sleap_io_reads(&[&slp]);
    let labels = &read[0];
    assert_eq!(labels["nodes"], serde_json::json!(["front", "back"]));
    assert_eq!(labels["edges"], serde_json::json!([[1, 0]]));
    assert_eq!(
        labels["tracks"],
        serde_json::json!(["señora \"A\"", "b1", "b0"])
    );
    let lines = json_lines(&files.path("a.jsonl"));
    assert_eq!(lines.len(), 6);
    for (frame, line) in labels["frames"].as_array().unwrap().iter().zip(&lines) {
        assert_same(frame, line, labels["nodes"].as_array().unwrap());
    }
    assert_eq!(labels["frames"][2]["instances"], serde_json::json!([]));
    assert_as_sleap_io_writes(&csv, &slp);
}

#[test]
fn nodes_that_nobody_names_get_names() {
    let files = Files::new();
    let outputs = files.outputs(&["a.slp", "a.csv"]);
    scripted(None, &outputs, tracked).success();
    let read = sleap_io_reads(&[&files.path("a.slp"), &files.path("a.csv")]);
    for labels in &read {
        assert_eq!(labels["nodes"], serde_json::json!(["node_0", "node_1"]));
    }
    assert_eq!(read[0]["frames"].as_array().unwrap().len(), 6);
    assert_eq!(
        read[0]["frames"][0]["instances"][0]["points"]["node_0"]["x"],
        0.25
    );
}

#[test]
fn an_answer_that_a_file_cannot_hold_is_left_out_of_it_and_the_next_is_not() {
    let files = Files::new();
    let outputs = files.outputs(&["a.slp", "a.csv", "a.jsonl"]);
    let run = scripted(None, &outputs, |frame_id| Prediction {
        frame_id,
        // One more node in the fourth frame.
        instances: vec![vec![Some([1.0, 2.0]); 2 + usize::from(frame_id == 3)]],
        ..Prediction::default()
    });
    let what = "frame 3 has an instance of 3 nodes, where the skeleton has 2";
    run.failed(1, &["a.slp lacks 1 predictions", "a.csv lacks 1", what]);
    assert_eq!(json_lines(&files.path("a.jsonl")).len(), 6);
    let read = sleap_io_reads(&[&files.path("a.slp"), &files.path("a.csv")]);
    for labels in &read {
        let frames = labels["frames"].as_array().unwrap().iter();
        let ids: Vec<_> = frames
            .filter_map(|frame| frame["frame_idx"].as_u64())
            .collect();
        assert_eq!(ids, [0, 1, 2, 4, 5]);
    }
}

#[test]
fn a_skeleton_that_no_file_holds_is_refused_before_the_stream_begins() {
    let files = Files::new();
    let skeleton = Skeleton {
        nodes: (0..400)
            .map(|node| format!("{node}{}", "x".repeat(200)))
            .collect(),
        ..Skeleton::default()
    };
    let outputs = files.outputs(&["a.slp"]);
    let run = scripted(Some(skeleton), &outputs, |_| panic!("no frame is sent"));
    run.failed(1, &["a.slp", "64000"]);
    assert!(!files.path("a.slp").exists());
}

#[cfg(unix)]
#[test]
fn names_of_predictions_need_not_be_utf_8() {
    use std::os::unix::ffi::OsStrExt;
    let (worker, dir) = (model(), tempfile::tempdir().unwrap());
    let path = |name: &[u8]| dir.path().join(std::ffi::OsStr::from_bytes(name));
    let outputs = [
        ("-o", path(b"v\xff.slp")),
        ("-o", path(b"v\xff.csv")),
        ("-o", path(b"v\xff.jsonl")),
        ("--snapshot", path(b"v\xff.png")),
    ];
    let args = ["--signal", &worker.signal, "--test-pattern", "64x48@100"];
    let args = [&args[..], &["--max-frames", "3"]].concat();
    let client = Client::start_with(&args, |command| {
        for (option, path) in &outputs {
            command.arg(option).arg(path);
        }
    });
    client.wait().success();
    for (_, path) in outputs {
        assert!(path.metadata().unwrap().len() > 0, "{}", path.display());
    }
}
