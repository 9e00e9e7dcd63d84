use super::*;
use protocol::Prediction;
use std::sync::mpsc::{Receiver, Sender, channel};

fn record(frame_id: u64) -> Record {
    Record {
        prediction: Prediction {
            frame_id,
            instances: vec![vec![Some([1.5, 2.25]), None]],
            ..Prediction::default()
        },
        captured_us: Some(7),
        latency_us: 1500,
        latency: crate::Latency(vec![("inference_us", 1000)]),
        recorded: None,
    }
}

/// A disk that is full, or a reader that has gone.
struct Refusing(io::ErrorKind);

impl Write for Refusing {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn refusing(kind: io::ErrorKind, live: bool) -> Output {
    let sink = JsonLines::new(Box::new(Refusing(kind)), live);
    Output::start("it".into(), Box::new(sink), live).unwrap()
}

fn json_lines(path: &Path) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn each_record_is_a_line_of_json() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("poses.jsonl");
    let outputs = Outputs::open(std::slice::from_ref(&path), false, &Header::default()).unwrap();
    outputs.write(record(3));
    outputs.write(record(4));
    outputs.finish().unwrap();
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
    assert_eq!(lines[0]["latency"]["inference_us"], 1000);
    assert_eq!(lines[0]["instances"][0][0][1], 2.25);
    assert!(lines[0]["instances"][0][1].is_null());
}

#[test]
fn an_output_that_fails_keeps_nothing_from_the_others() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("poses.jsonl");
    let good = Output::open(&path, false, &Header::default()).unwrap();
    let mut outputs = Outputs(vec![refusing(io::ErrorKind::StorageFull, true), good]);
    outputs.write(record(1));
    outputs.0[0].thread.take().unwrap().join().unwrap();
    outputs.write(record(2));
    assert!(!outputs.nobody_reads() && !outputs.have_failed());
    let told = outputs.failures();
    assert_eq!(told.len(), 1);
    assert!(
        told[0].to_string().contains("cannot write to it"),
        "{}",
        told[0]
    );
    assert!(outputs.failures().is_empty(), "told once");
    assert!(outputs.finish().is_err());
    assert_eq!(json_lines(&path).len(), 2);
}

#[test]
fn nothing_is_left_to_write_to_once_all_have_failed() {
    let mut outputs = Outputs(vec![refusing(io::ErrorKind::StorageFull, true)]);
    outputs.write(record(1));
    outputs.0[0].thread.take().unwrap().join().unwrap();
    assert!(outputs.have_failed());
}

#[test]
fn a_reader_that_goes_is_no_error() {
    let mut outputs = Outputs(vec![refusing(io::ErrorKind::BrokenPipe, true)]);
    assert!(!outputs.nobody_reads());
    outputs.write(record(1));
    outputs.0[0].thread.take().unwrap().join().unwrap();
    assert!(outputs.nobody_reads() && !outputs.have_failed());
    outputs.finish().unwrap();
}

/// A disk that takes a record when it is told to.
struct Slow {
    go: Receiver<()>,
    written: Sender<u64>,
}

impl Sink for Slow {
    fn write(&mut self, record: &Record) -> Result<(), WriteError> {
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

#[test]
fn a_slow_disk_loses_nothing_and_holds_up_only_once_its_queue_is_full() {
    let ((go, wait), (written, heard)) = (channel(), channel());
    let slow = Slow { go: wait, written };
    let outputs = Outputs(vec![
        Output::start("slow".into(), Box::new(slow), false).unwrap(),
    ]);
    let mut sent = 0;
    while outputs.has_room() {
        outputs.write(record(sent));
        sent += 1;
    }
    assert!(
        (QUEUE as u64..=QUEUE as u64 + 1).contains(&sent),
        "{sent} records"
    );
    // The next one waits until the disk goes on.
    let writer = std::thread::spawn(move || {
        outputs.write(record(sent));
        outputs.finish()
    });
    drop(go);
    writer.join().unwrap().unwrap();
    assert_eq!(
        heard.iter().collect::<Vec<_>>(),
        (0..=sent).collect::<Vec<_>>()
    );
}

#[test]
fn names_say_the_form_and_are_given_once() {
    for (name, format) in [
        ("-", Some(Format::StandardOutput)),
        ("a.jsonl", Some(Format::JsonLines)),
        ("b/a.SLP", Some(Format::Slp)),
        ("a.csv", Some(Format::Csv)),
        ("a.txt", None),
        ("slp", None),
    ] {
        assert_eq!(Format::of(Path::new(name)), format, "{name}");
    }
    let twice = [PathBuf::from("-"), PathBuf::from("-")];
    let error = Outputs::open(&twice, false, &Header::default()).unwrap_err();
    assert!(matches!(error, CreateError::Twice(_)), "{error}");
}
