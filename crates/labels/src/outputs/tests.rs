use super::*;
use crate::error::WriteError;
use crate::format::LabelsFormat;
use crate::jsonl::JsonLinesWriter;
use crate::lines::LineTarget;
use crate::sink::RecordWriter;
use protocol::Prediction;
use std::io::{self, Write};
use std::path::Path;
use std::sync::mpsc::{Receiver, Sender, channel};

fn of(outputs: Vec<LabelsOutput>) -> LabelsOutputs {
    LabelsOutputs {
        outputs,
        kept: None,
    }
}

pub(super) fn record(frame_id: u64) -> PredictionRecord {
    PredictionRecord {
        prediction: Prediction {
            frame_id,
            instances: vec![vec![Some([1.5, 2.25]), None]],
            ..Prediction::default()
        },
        derived: Default::default(),
        captured_us: Some(7),
        clock: Some(protocol::CaptureClock::Driver),
        latency_us: 1500,
        latency: crate::LatencyParts(vec![("inference_us", 1000)]),
        ..PredictionRecord::default()
    }
}

/// A disk that is full, or a reader that has closed its end.
struct Refusing(io::ErrorKind);

impl Write for Refusing {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn refusing(kind: io::ErrorKind, live: bool) -> LabelsOutput {
    let sink = JsonLinesWriter::new(LineTarget::Stream(Box::new(Refusing(kind))), live);
    LabelsOutput::start("it".into(), Box::new(sink), live).unwrap()
}

pub(super) fn json_lines(path: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn each_record_is_a_line_of_json() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("poses.jsonl");
    let outputs =
        LabelsOutputs::open(std::slice::from_ref(&path), false, &LabelsHeader::default()).unwrap();
    outputs.write(record(3));
    outputs.write(record(4));
    assert!(outputs.finish().lacking.is_empty());
    let lines = json_lines(&path);
    assert_eq!(lines.len(), 2);
    assert_eq!(
        (&lines[0]["frame_id"], &lines[1]["frame_id"]),
        (&3.into(), &4.into())
    );
    assert_eq!(
        (&lines[0]["captured_us"], &lines[0]["latency_us"]),
        (&7.into(), &1500.into())
    );
    assert_eq!(lines[0]["clock"], "driver");
    assert_eq!(lines[0]["latency"]["inference_us"], 1000);
    assert_eq!(lines[0]["instances"][0][0][1], 2.25);
    assert!(lines[0]["instances"][0][1].is_null());
}

#[test]
fn an_output_that_fails_keeps_nothing_from_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("poses.jsonl");
    let good = LabelsOutput::open(&path, false, &LabelsHeader::default()).unwrap();
    let mut outputs = of(vec![refusing(io::ErrorKind::StorageFull, true), good]);
    outputs.write(record(1));
    outputs.outputs[0].thread.take().unwrap().join().unwrap();
    outputs.write(record(2));
    assert!(!outputs.reader_is_gone() && !outputs.have_failed());
    let reported = outputs.failures();
    assert_eq!(reported.len(), 1);
    assert!(
        reported[0].to_string().contains("cannot write to it"),
        "{}",
        reported[0]
    );
    assert!(outputs.failures().is_empty(), "told once");
    assert_eq!(outputs.finish().lacking.len(), 1);
    assert_eq!(json_lines(&path).len(), 2);
}

#[test]
fn nothing_is_left_to_write_to_once_all_have_failed() {
    let mut outputs = of(vec![refusing(io::ErrorKind::StorageFull, true)]);
    outputs.write(record(1));
    outputs.outputs[0].thread.take().unwrap().join().unwrap();
    assert!(outputs.have_failed());
}

#[test]
fn a_reader_that_goes_is_no_error() {
    let mut outputs = of(vec![refusing(io::ErrorKind::BrokenPipe, true)]);
    assert!(!outputs.reader_is_gone());
    outputs.write(record(1));
    outputs.outputs[0].thread.take().unwrap().join().unwrap();
    assert!(outputs.reader_is_gone() && !outputs.have_failed());
    assert!(outputs.finish().lacking.is_empty());
}

/// A disk that takes a record when the test lets it.
struct Slow {
    go: Receiver<()>,
    written: Sender<u64>,
}

impl RecordWriter for Slow {
    fn write(&mut self, record: &PredictionRecord) -> Result<(), WriteError> {
        let _ = self.go.recv();
        self.written.send(record.prediction.frame_id).unwrap();
        Ok(())
    }
    fn flush(&mut self) -> Result<(), WriteError> {
        Ok(())
    }
    fn waiting(&self) -> usize {
        0
    }
}

fn slow() -> (LabelsOutputs, Sender<()>, Receiver<u64>) {
    let ((go, wait), (written, heard)) = (channel(), channel());
    let slow = Box::new(Slow { go: wait, written });
    let output = LabelsOutput::start("slow".into(), slow, false).unwrap();
    (of(vec![output]), go, heard)
}

#[test]
fn a_slow_disk_delays_no_caller_reports_when_it_is_full_and_loses_nothing() {
    let (outputs, go, heard) = slow();
    let mut sent = 0;
    while outputs.has_room() {
        outputs.write(record(sent));
        sent += 1;
    }
    assert!(
        (RECORD_QUEUE_LEN as u64..=RECORD_QUEUE_LEN as u64 + 1).contains(&sent),
        "{sent} records"
    );
    // Frames in flight are still accepted.
    for more in sent..2 * sent {
        outputs.write(record(more));
    }
    let writer = std::thread::spawn(move || {
        outputs.wait_for_room();
        assert!(outputs.has_room());
        outputs.finish()
    });
    drop(go);
    assert!(writer.join().unwrap().lacking.is_empty());
    assert_eq!(
        heard.iter().collect::<Vec<_>>(),
        (0..2 * sent).collect::<Vec<_>>()
    );
}

#[test]
fn an_output_that_is_stuck_can_be_given_up() {
    let (outputs, go, _heard) = slow();
    for id in 0..3 {
        outputs.write(record(id));
    }
    let abort = outputs.abort_handle();
    let finish = std::thread::spawn(move || outputs.finish());
    abort.abort();
    let lacking = finish.join().unwrap().lacking;
    assert!(
        matches!(lacking[..], [OutputError::Stuck { records: 2 | 3, .. }]),
        "{lacking:?}"
    );
    drop(go);
}

/// Two good records around some that no table can hold.
fn with_bad_ones() -> Vec<PredictionRecord> {
    let bad = |change: fn(&mut Prediction)| {
        let mut record = record(2);
        change(&mut record.prediction);
        record
    };
    vec![
        record(1),
        // The second instance has another number of nodes.
        bad(|one| one.instances.push(vec![None; 3])),
        bad(|one| one.tracks = vec![None; 5]),
        record(3),
    ]
}

#[test]
fn what_a_form_cannot_hold_is_skipped_whole_and_counted() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a.csv", "a.slp"] {
        let path = dir.path().join(name);
        let mut outputs =
            LabelsOutputs::open(std::slice::from_ref(&path), false, &LabelsHeader::default())
                .unwrap();
        for record in with_bad_ones() {
            outputs.write(record);
        }
        outputs.outputs[0].queue = None;
        outputs.outputs[0].shared.wait_for_end();
        assert_eq!(outputs.failures().len(), 1);
        assert!(outputs.failures().is_empty(), "told once");
        let lacking = outputs.finish().lacking;
        assert!(
            matches!(lacking[..], [OutputError::Skipped { records: 2, .. }]),
            "{lacking:?}"
        );
    }
    let rows = std::fs::read_to_string(dir.path().join("a.csv")).unwrap();
    let ids: Vec<_> = rows.lines().map(|row| row.split(',').next()).collect();
    assert_eq!(ids, [Some("frame_idx"), Some("1"), Some("3")]);
    let file = hdf5_pure::File::open(dir.path().join("a.slp")).unwrap();
    for (name, row, rows) in [
        ("frames", 36, 2),
        ("instances", 57, 2),
        ("pred_points", 26, 4),
    ] {
        let bytes = file.dataset(name).unwrap().read_raw().unwrap().len();
        assert_eq!(bytes, row * rows, "{name}");
    }
}

#[test]
fn a_table_without_animals_has_its_columns() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.csv");
    let outputs =
        LabelsOutputs::open(std::slice::from_ref(&path), false, &LabelsHeader::default()).unwrap();
    outputs.write(PredictionRecord::default());
    assert!(outputs.finish().lacking.is_empty());
    assert_eq!(
        std::fs::read_to_string(&path).unwrap(),
        "frame_idx,video_path,track,track_score,score\n"
    );
}

#[test]
fn a_file_that_came_to_hold_no_record_does_not_stay() {
    let dir = tempfile::tempdir().unwrap();
    let paths = ["a.csv", "a.jsonl", "a.slp"].map(|name| dir.path().join(name));
    std::fs::write(&paths[1], "replaced").unwrap();
    let open = || LabelsOutputs::open(&paths, true, &LabelsHeader::default()).unwrap();
    let finished = open().finish();
    assert!(finished.lacking.is_empty());
    assert_eq!(finished.removed, paths);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    let outputs = open();
    // A frame without an animal is a result.
    outputs.write(PredictionRecord::default());
    assert!(outputs.finish().removed.is_empty());
    assert!(paths.iter().all(|path| path.exists()));
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_not_removed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.csv");
    std::os::unix::fs::symlink("/dev/null", &path).unwrap();
    let outputs =
        LabelsOutputs::open(std::slice::from_ref(&path), true, &LabelsHeader::default()).unwrap();
    assert!(outputs.finish().removed.is_empty());
    assert!(path.exists());
}

#[test]
fn a_run_that_cannot_begin_leaves_no_file_and_keeps_what_was_there() {
    let dir = tempfile::tempdir().unwrap();
    let [csv, lines, slp] = ["a.csv", "a.jsonl", "a.slp"].map(|name| dir.path().join(name));
    std::fs::write(&lines, "precious").unwrap();
    let header = LabelsHeader {
        skeleton: Some(protocol::Skeleton {
            nodes: vec!["same".into(); 2],
            ..Default::default()
        }),
        ..LabelsHeader::default()
    };
    let error = LabelsOutputs::open(&[csv.clone(), slp.clone()], true, &header).unwrap_err();
    assert!(matches!(error, CreateError::SameNode { .. }), "{error}");
    assert!(!csv.exists() && !slp.exists());
    let error = LabelsOutputs::open(&[csv.clone(), lines.clone()], false, &header).unwrap_err();
    assert!(matches!(error, CreateError::Exists(_)), "{error}");
    assert!(!csv.exists());
    let outputs = LabelsOutputs::open(&[csv.clone(), lines.clone()], true, &header).unwrap();
    outputs.discard();
    assert!(!csv.exists() && lines.exists());
}

#[test]
fn names_say_the_form_and_are_given_once() {
    for (name, format) in [
        ("-", Some(LabelsFormat::StandardOutput)),
        ("a.jsonl", Some(LabelsFormat::JsonLines)),
        ("b/a.SLP", Some(LabelsFormat::Slp)),
        ("a.csv", Some(LabelsFormat::Csv)),
        ("a.txt", None),
        ("slp", None),
    ] {
        assert_eq!(LabelsFormat::of(Path::new(name)), format, "{name}");
    }
    let twice = [PathBuf::from("-"), PathBuf::from("-")];
    let error = LabelsOutputs::open(&twice, false, &LabelsHeader::default()).unwrap_err();
    assert!(matches!(error, CreateError::Twice(_)), "{error}");
}

#[test]
fn each_track_has_its_last_name_in_the_file() {
    const TRACKS: u64 = 40;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.slp");
    let outputs =
        LabelsOutputs::open(std::slice::from_ref(&path), false, &LabelsHeader::default()).unwrap();
    let named = |frame_id: u64, track: u64, name: Option<&str>| {
        let mut record = record(frame_id);
        record.prediction.tracks = vec![Some(format!("track_{track}"))];
        record.derived.names = name.into_iter().map(|name| Some(name.to_owned())).collect();
        record
    };
    for track in 0..TRACKS {
        let name = format!("mouse {track}");
        outputs.write(named(track, track, (track % 2 == 0).then_some(&name)));
    }
    // One loses its name, and another takes it.
    outputs.write(named(TRACKS, 2, None));
    outputs.write(named(TRACKS + 1, 3, Some("mouse 2")));
    // Another takes the name of one that is not seen any more.
    outputs.write(named(TRACKS + 2, 5, Some("mouse 4")));
    assert!(outputs.finish().lacking.is_empty());
    let file = hdf5_pure::File::open(&path).unwrap();
    let bytes = file.dataset("tracks_json").unwrap().read_raw().unwrap();
    let names: Vec<String> = bytes
        .chunks_exact(crate::slp::TRACK_LIMIT)
        .map(|row| {
            let text = std::str::from_utf8(row).unwrap().trim_end_matches('\0');
            serde_json::from_str::<(u8, String)>(text).unwrap().1
        })
        .collect();
    let expected = |track: u64| match track {
        2 => "track_2".to_owned(),
        3 => "mouse 2".to_owned(),
        4 => "track_4".to_owned(),
        5 => "mouse 4".to_owned(),
        even if even % 2 == 0 => format!("mouse {even}"),
        odd => format!("track_{odd}"),
    };
    assert_eq!(names, (0..TRACKS).map(expected).collect::<Vec<_>>());
}
