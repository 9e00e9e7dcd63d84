//! All outputs of a run.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use crate::create::{check_free, create};
use crate::csv::Csv;
use crate::jsonl::JsonLines;
use crate::slp::Slp;
use crate::thread::{self, Shared, Status};
use crate::{CreateError, Header, OutputError, Record, Sink, WriteError};

/// Records that wait for one output at most: some seconds of a fast camera.
const QUEUE: usize = 512;

/// A form of output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// JSON lines in a file.
    JsonLines,
    /// JSON lines on standard output.
    StandardOutput,
    /// sleap-io's `instances` columns.
    Csv,
    /// SLEAP's labels.
    Slp,
}

impl Format {
    /// What a name stands for, by its end; `None` where it says nothing that is known.
    pub fn of(path: &Path) -> Option<Format> {
        if path.as_os_str() == "-" {
            return Some(Format::StandardOutput);
        }
        let extension = path.extension()?.to_str()?.to_ascii_lowercase();
        match extension.as_str() {
            "jsonl" => Some(Format::JsonLines),
            "csv" => Some(Format::Csv),
            "slp" => Some(Format::Slp),
            _ => None,
        }
    }
}

/// All outputs of a run, each with a thread of its own.
///
/// Dropping it writes what was taken and waits for that; [`finish`](Self::finish) also says how it
/// went.
#[derive(Debug, Default)]
pub struct Outputs(Vec<Output>);

#[derive(Debug)]
struct Output {
    name: String,
    /// `None` once it is to end.
    queue: Option<SyncSender<Arc<Record>>>,
    shared: Arc<Shared>,
    /// Its failure was told.
    told: bool,
    thread: Option<JoinHandle<()>>,
}

impl Outputs {
    /// Begins all outputs. A file that exists is an error unless `overwrite` is set; then none is
    /// begun.
    pub fn open(paths: &[PathBuf], overwrite: bool, header: &Header) -> Result<Self, CreateError> {
        for (at, path) in paths.iter().enumerate() {
            check_free(path, overwrite)?;
            if paths[..at].contains(path) {
                return Err(CreateError::Twice(path.clone()));
            }
        }
        let open = |path: &PathBuf| Output::open(path, overwrite, header);
        paths.iter().map(open).collect::<Result<_, _>>().map(Self)
    }

    /// Whether nothing is written anywhere.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Hands a record to all outputs that still work. Waits while the queue of one is full.
    pub fn write(&self, record: Record) {
        let record = Arc::new(record);
        for output in &self.0 {
            output.send(&record);
        }
    }

    /// Whether [`write`](Self::write) would not wait.
    pub fn has_room(&self) -> bool {
        let full = |output: &Output| output.shared.waiting() >= QUEUE;
        !self.0.iter().any(full)
    }

    /// Outputs that have failed since this was asked last.
    pub fn failures(&mut self) -> Vec<OutputError> {
        let untold = self.0.iter_mut().filter(|output| !output.told);
        untold.filter_map(Output::failure).collect()
    }

    /// True where predictions only went to a reader that has gone.
    pub fn nobody_reads(&self) -> bool {
        let unread = |output: &Output| matches!(output.shared.status(), Status::Unread);
        !self.0.is_empty() && self.0.iter().all(unread)
    }

    /// True where nothing is written any more, and a failure is part of why.
    pub fn have_failed(&self) -> bool {
        let broken = |output: &Output| !matches!(output.shared.status(), Status::Writing);
        let failed = |output: &Output| matches!(output.shared.status(), Status::Failed(_));
        self.0.iter().all(broken) && self.0.iter().any(failed)
    }

    /// Writes everything that was taken, waits for it, and says what failed, if anything did at
    /// any time.
    pub fn finish(mut self) -> Result<(), OutputError> {
        for output in &mut self.0 {
            output.queue = None;
        }
        self.0.iter_mut().for_each(Output::join);
        match self.0.iter_mut().find_map(Output::failure) {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }
}

impl Output {
    fn open(path: &Path, overwrite: bool, header: &Header) -> Result<Self, CreateError> {
        let format = Format::of(path).ok_or_else(|| CreateError::Form(path.to_owned()))?;
        let sink: Box<dyn Sink + Send> = match format {
            Format::StandardOutput => Box::new(JsonLines::new(
                Box::new(io::stdout()) as Box<dyn Write + Send>,
                true,
            )),
            Format::JsonLines => {
                Box::new(JsonLines::new(Box::new(create(path, overwrite)?), false))
            }
            Format::Csv => {
                let file = Box::new(create(path, overwrite)?);
                let csv = Csv::new(file, header.clone());
                Box::new(csv.map_err(|error| refused(path, &error))?)
            }
            Format::Slp => Box::new(Slp::create(path, overwrite, header.clone())?),
        };
        let live = format == Format::StandardOutput;
        let name = match live {
            true => "standard output".to_owned(),
            false => path.display().to_string(),
        };
        Self::start(name, sink, live).map_err(|error| refused(path, &error.into()))
    }

    /// `live`: a reader that goes is no failure.
    fn start(name: String, sink: Box<dyn Sink + Send>, live: bool) -> io::Result<Self> {
        let (queue, records) = sync_channel(QUEUE);
        let shared = Arc::new(Shared::default());
        let thread = std::thread::Builder::new().name("output".into()).spawn({
            let shared = Arc::clone(&shared);
            move || thread::run(sink, &records, live, &shared)
        })?;
        Ok(Self {
            name,
            queue: Some(queue),
            shared,
            told: false,
            thread: Some(thread),
        })
    }

    fn send(&self, record: &Arc<Record>) {
        let Some(queue) = &self.queue else { return };
        self.shared.queued();
        if queue.send(Arc::clone(record)).is_err() {
            // Its thread has ended; the status says why.
            self.shared.taken();
        }
    }

    fn failure(&mut self) -> Option<OutputError> {
        let Status::Failed(error) = self.shared.status() else {
            return None;
        };
        self.told = true;
        Some(OutputError {
            name: self.name.clone(),
            error,
        })
    }

    fn join(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            let panicked = io::Error::other("its thread panicked");
            self.shared.set(Status::Failed(Arc::new(panicked.into())));
        }
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        self.join();
    }
}

fn refused(path: &Path, error: &WriteError) -> CreateError {
    CreateError::Refused {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
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
        let outputs = Outputs::open(&[path.clone()], false, &Header::default()).unwrap();
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
}
