//! Text that leaves in whole lines.

use std::io::{self, Write};

/// Collects text until it is flushed, which hands all of it over in one call: a process that is
/// killed does not leave part of a line behind because of a buffer's size.
pub(crate) struct Lines {
    out: Box<dyn Write + Send>,
    pending: Vec<u8>,
}

impl Lines {
    pub(crate) fn new(out: Box<dyn Write + Send>) -> Self {
        Self {
            out,
            pending: Vec::new(),
        }
    }

    /// Bytes that a flush would write.
    pub(crate) fn waiting(&self) -> usize {
        self.pending.len()
    }
}

impl Write for Lines {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.pending.extend_from_slice(text);
        Ok(text.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !self.pending.is_empty() {
            let written = self.out.write_all(&self.pending);
            self.pending.clear();
            written?;
        }
        self.out.flush()
    }
}
