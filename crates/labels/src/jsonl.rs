//! One JSON object a line.

use std::io::Write;

use protocol::text::json_escaped;

use crate::error::WriteError;
use crate::lines::{LineTarget, LineWriter};
use crate::record::PredictionRecord;
use crate::sink::RecordWriter;

/// Records as JSON, one a line.
pub(crate) struct JsonLinesWriter {
    lines: LineWriter,
    /// A reader follows: each line is flushed at once.
    live: bool,
}

impl JsonLinesWriter {
    pub(crate) fn new(out: LineTarget, live: bool) -> Self {
        Self {
            lines: LineWriter::new(out),
            live,
        }
    }
}

impl RecordWriter for JsonLinesWriter {
    fn write(&mut self, record: &PredictionRecord) -> Result<(), WriteError> {
        if !self.live {
            serde_json::to_writer(&mut self.lines, record).map_err(std::io::Error::from)?;
            return Ok(self.lines.write_all(b"\n")?);
        }
        // The reader may be a terminal.
        let line = serde_json::to_string(record).map_err(std::io::Error::from)?;
        self.lines.write_all(json_escaped(&line).as_bytes())?;
        self.lines.write_all(b"\n")?;
        self.flush()
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        Ok(self.lines.flush()?)
    }

    fn waiting(&self) -> usize {
        self.lines.waiting()
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::{Arc, Mutex};

    use protocol::Prediction;
    use protocol::text::one_line;

    use super::*;

    #[derive(Clone, Default)]
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_gets_the_true_text_and_a_terminal_nothing_to_act_on() {
        const TRACK: &str = "\u{1b}[2J\u{9b}31m\u{202e}é";
        let record = PredictionRecord {
            prediction: Prediction {
                instances: vec![vec![None]],
                tracks: vec![Some(TRACK.to_owned())],
                ..Prediction::default()
            },
            ..PredictionRecord::default()
        };
        let written = Written::default();
        let out = LineTarget::Stream(Box::new(written.clone()));
        JsonLinesWriter::new(out, true).write(&record).unwrap();
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let line = text.strip_suffix('\n').unwrap();
        assert_eq!(one_line(line), line);
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(value["tracks"][0], TRACK);
    }
}
