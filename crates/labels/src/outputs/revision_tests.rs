use std::path::Path;

use super::tests::{json_lines, record};
use super::*;

fn revised_by(
    names: &[&str],
    folder: &Path,
    revision: impl FnOnce(&mut [PredictionRecord]) -> Result<bool, String> + Send + 'static,
) -> FinishedOutputs {
    let paths: Vec<_> = names.iter().map(|name| folder.join(name)).collect();
    let header = LabelsHeader::default();
    let mut outputs = LabelsOutputs::open(&paths, true, &header).unwrap();
    outputs.revise_at_end(header, Box::new(revision));
    for frame in [4, 3, 5] {
        outputs.write(record(frame));
    }
    outputs.finish()
}

#[test]
fn files_are_written_again_with_what_a_revision_changes() {
    let dir = tempfile::tempdir().unwrap();
    let finished = revised_by(&["a.jsonl", "a.csv", "a.slp"], dir.path(), |records| {
        let order: Vec<_> = records.iter().map(|one| one.prediction.frame_id).collect();
        assert_eq!(order, [3, 4, 5]);
        for record in records.iter_mut() {
            record.prediction.tracks = vec![Some("track_7".to_owned())];
        }
        records[0].retain(&[false]);
        Ok(true)
    });
    assert!(finished.lacking.is_empty(), "{:?}", finished.lacking);
    assert!(finished.removed.is_empty());
    for file in &finished.files {
        assert_eq!((file.frames, file.poses), (3, 2), "{}", file.name);
    }
    let lines = json_lines(&dir.path().join("a.jsonl"));
    assert_eq!(lines[0]["instances"], serde_json::json!([]));
    assert_eq!(lines[1]["tracks"][0], "track_7");
    assert_eq!(lines[1]["latency_us"], 1500);
    let csv = std::fs::read_to_string(dir.path().join("a.csv")).unwrap();
    assert_eq!(csv.matches("track_7").count(), 2, "{csv}");
    let slp = crate::RecordedPoses::open(&dir.path().join("a.slp")).unwrap();
    let tracks: Vec<_> = slp.map(|frame| frame.unwrap().prediction.tracks).collect();
    let track = || vec![Some("track_7".to_owned())];
    assert_eq!(tracks, [vec![], track(), track()]);
    assert_eq!(
        std::fs::read_dir(dir.path()).unwrap().count(),
        3,
        "no draft stays"
    );
}

#[test]
fn a_revision_that_changes_nothing_or_fails_leaves_the_files() {
    let dir = tempfile::tempdir().unwrap();
    let frames = |name: &str| -> Vec<_> {
        let lines = json_lines(&dir.path().join(name)).into_iter();
        lines.map(|line| line["frame_id"].clone()).collect()
    };
    let finished = revised_by(&["a.jsonl"], dir.path(), |_| Ok(false));
    assert!(finished.lacking.is_empty());
    // In the order in which they came.
    assert_eq!(frames("a.jsonl"), [4, 3, 5]);
    let finished = revised_by(&["b.jsonl"], dir.path(), |_| Err("it rains".into()));
    let lacking = finished.lacking.first().expect("it is told").to_string();
    assert!(
        lacking.contains("given live") && lacking.ends_with("it rains"),
        "{lacking}"
    );
    assert_eq!(frames("b.jsonl").len(), 3);
}

#[cfg(unix)]
#[test]
fn a_file_that_was_moved_meanwhile_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (path, moved) = (dir.path().join("a.csv"), dir.path().join("b.csv"));
    let finished = revised_by(&["a.csv"], dir.path(), move |_| {
        std::fs::rename(&path, &moved).unwrap();
        std::fs::write(&path, "precious").unwrap();
        Ok(true)
    });
    assert_eq!(finished.lacking.len(), 1);
    let kept = std::fs::read_to_string(dir.path().join("a.csv")).unwrap();
    assert_eq!(kept, "precious");
}

#[cfg(unix)]
#[test]
fn a_file_behind_a_link_is_replaced_and_the_link_stays() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("there.csv"), "").unwrap();
    std::os::unix::fs::symlink("there.csv", dir.path().join("a.csv")).unwrap();
    let finished = revised_by(&["a.csv"], dir.path(), |records| {
        records[0].prediction.tracks = vec![Some("track_9".to_owned())];
        Ok(true)
    });
    assert!(finished.lacking.is_empty(), "{:?}", finished.lacking);
    assert!(dir.path().join("a.csv").is_symlink());
    let text = std::fs::read_to_string(dir.path().join("there.csv")).unwrap();
    assert!(text.contains("track_9"), "{text}");
}
