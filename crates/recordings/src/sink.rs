//! What all forms of output have in common.

use crate::error::WriteError;
use crate::record::Record;

/// A form in which records are written.
pub(crate) trait Sink {
    /// Takes a record; it need not be with the operating system yet. One that cannot be written for
    /// a reason of its own leaves no trace.
    fn write(&mut self, record: &Record) -> Result<(), WriteError>;

    /// Ends what is written in order.
    fn end(&mut self) -> Result<(), WriteError> {
        self.flush()
    }

    /// Hands everything taken so far to the operating system.
    fn flush(&mut self) -> Result<(), WriteError>;

    /// Bytes that a flush would write.
    fn waiting(&self) -> usize;

    /// Whether a flush would waste nothing at this moment.
    fn is_even(&self) -> bool {
        true
    }
}
