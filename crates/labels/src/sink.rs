//! What all formats of output have in common.

use crate::error::WriteError;
use crate::record::PredictionRecord;

/// A format in which records are written.
pub(crate) trait RecordWriter {
    /// Takes a record; it need not be passed to the operating system yet. A record that fails because
    /// of its own content changes nothing.
    fn write(&mut self, record: &PredictionRecord) -> Result<(), WriteError>;

    /// Completes the file.
    fn end(&mut self) -> Result<(), WriteError> {
        self.flush()
    }

    /// Passes everything taken so far to the operating system.
    fn flush(&mut self) -> Result<(), WriteError>;

    /// Bytes that a flush would write.
    fn waiting(&self) -> usize;

    /// Whether a flush at this moment would waste no space in the file.
    fn is_even(&self) -> bool {
        true
    }
}
