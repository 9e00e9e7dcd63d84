//! Text that is written in whole lines.

use std::fs::File;
use std::io::{self, Write};

/// Where lines are written.
pub(crate) enum LineTarget {
    /// A file.
    File(File),
    /// Anything else.
    Stream(Box<dyn Write + Send>),
}

/// Collects text until it is flushed, which hands all of it over in one call. A process that is
/// killed leaves whole lines behind, unless it is killed within that call: Linux then stops copying
/// at the end of a page.
pub(crate) struct LineWriter {
    out: LineTarget,
    /// Bytes that were written, up to the end of a line.
    whole: u64,
    pending: Vec<u8>,
}

impl LineWriter {
    pub(crate) fn new(out: LineTarget) -> Self {
        Self {
            out,
            whole: 0,
            pending: Vec::new(),
        }
    }

    /// Adds to a file, which is opened to be added to and has so many bytes.
    pub(crate) fn continuing(file: File, whole: u64) -> Self {
        Self {
            whole,
            ..Self::new(LineTarget::File(file))
        }
    }

    /// Bytes that a flush would write.
    pub(crate) fn waiting(&self) -> usize {
        self.pending.len()
    }
}

impl LineTarget {
    fn stream(&mut self) -> &mut dyn Write {
        match self {
            LineTarget::File(file) => file,
            LineTarget::Stream(stream) => stream,
        }
    }

    /// Writes as much as it can; how much that is, and what went wrong.
    fn write_all(&mut self, text: &[u8]) -> (usize, io::Result<()>) {
        let mut done = 0;
        while done < text.len() {
            match self.stream().write(&text[done..]) {
                Ok(0) => return (done, Err(io::ErrorKind::WriteZero.into())),
                Ok(written) => done += written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return (done, Err(error)),
            }
        }
        (done, Ok(()))
    }

    /// Cuts the file to so many bytes, where that is possible.
    fn cut(&self, length: u64) {
        if let LineTarget::File(file) = self {
            // A pipe, or a disk that fails at this too: there is nothing else to try.
            let _ = file.set_len(length);
        }
    }
}

impl Write for LineWriter {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.pending.extend_from_slice(text);
        Ok(text.len())
    }

    /// Part of a line that a full disk left is removed again.
    fn flush(&mut self) -> io::Result<()> {
        let (done, written) = self.out.write_all(&self.pending);
        let ends = self.pending[..done].iter().rposition(|byte| *byte == b'\n');
        self.whole += ends.map_or(0, |at| at as u64 + 1);
        self.pending.clear();
        if let Err(error) = written {
            self.out.cut(self.whole);
            return Err(error);
        }
        self.out.stream().flush()
    }
}
