//! Text that leaves in whole lines.

use std::fs::File;
use std::io::{self, Write};

/// Where lines go.
pub(crate) enum Out {
    /// One that begins empty.
    File(File),
    Stream(Box<dyn Write + Send>),
}

/// Collects text until it is flushed, which hands all of it over in one call. A process that is
/// killed leaves whole lines behind, unless it is killed within that call: Linux then stops copying
/// at the end of a page.
pub(crate) struct Lines {
    out: Out,
    /// Bytes that were written, up to the end of a line.
    whole: u64,
    pending: Vec<u8>,
}

impl Lines {
    pub(crate) fn new(out: Out) -> Self {
        Self {
            out,
            whole: 0,
            pending: Vec::new(),
        }
    }

    /// Bytes that a flush would write.
    pub(crate) fn waiting(&self) -> usize {
        self.pending.len()
    }
}

impl Out {
    fn stream(&mut self) -> &mut dyn Write {
        match self {
            Out::File(file) => file,
            Out::Stream(stream) => stream,
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

    /// Takes back what stands behind so many bytes, where that can be.
    fn cut(&self, length: u64) {
        if let Out::File(file) = self {
            // A pipe, or a disk that refuses this too: nothing is left to try.
            let _ = file.set_len(length);
        }
    }
}

impl Write for Lines {
    fn write(&mut self, text: &[u8]) -> io::Result<usize> {
        self.pending.extend_from_slice(text);
        Ok(text.len())
    }

    /// What a full disk cuts off within a line goes again.
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
