//! What people read on a terminal, and lines that move there.
//!
//! The programs write to standard output and standard error here, and nowhere else (`.clippy.toml`):
//! what people read is cleaned on its way, since names and reasons of peers, servers, files and models
//! are in it. A string is one line, whatever it holds; several lines are a list of strings.

mod wrap;

use std::borrow::Cow;
use std::fmt::Display;
use std::io::{self, IsTerminal, Stderr, Stdout, Write};
use std::sync::OnceLock;

use anyhow::{Context, Result};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use protocol::text;

/// Columns where the terminal does not report its width.
const DEFAULT_WIDTH: usize = 80;

/// Spaces before the rest of a line that is broken.
const INDENT: usize = 4;

/// The same in the log: the message stands behind the time of day and the level.
const LOG_INDENT: usize = 15;

/// Characters of a line that are shown. Texts from a peer have their own limits where they are received.
const MAX_LINE_CHARS: usize = 16_000;

#[expect(clippy::disallowed_methods, reason = "the one place that writes there")]
pub(crate) fn stderr() -> Stderr {
    io::stderr()
}

#[expect(clippy::disallowed_methods, reason = "the one place that writes there")]
fn stdout() -> Stdout {
    io::stdout()
}

/// Standard output with its colours, where it shows them and `NO_COLOR` is not set. Lines that a terminal would
/// break are broken between words, and go on behind `indent` spaces.
pub struct StyledOutput {
    out: anstream::Stdout,
    width: Option<usize>,
    indent: usize,
    /// The beginning of a line.
    line: Vec<u8>,
}

impl StyledOutput {
    #[expect(clippy::disallowed_methods, reason = "the one place that writes there")]
    pub(crate) fn new(indent: usize) -> Self {
        Self {
            out: anstream::stdout(),
            width: output_width(),
            indent,
            line: Vec::new(),
        }
    }
}

impl Write for StyledOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        while let Some(end) = self.line.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.line.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let text = fitted(line.lines(), self.width, self.indent);
            self.out.write_all(text.as_bytes())?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

/// Columns of the terminal on standard output, if there is one.
fn output_width() -> Option<usize> {
    shows_output().then(|| columns_of(&console::Term::stdout()))
}

/// A text of any origin as one line for people.
pub(crate) fn clean(line: &str) -> Cow<'_, str> {
    match text::cut(line, MAX_LINE_CHARS) {
        Cow::Borrowed(line) => text::one_line(line),
        Cow::Owned(line) => text::one_line(&line).into_owned().into(),
    }
}

/// Whether standard error is a terminal on which a line can be written over.
pub fn is_interactive() -> bool {
    stderr().is_terminal() && !console::is_dumb()
}

/// Whether people read standard output.
pub fn shows_output() -> bool {
    stdout().is_terminal()
}

/// Whether people read standard error.
pub fn shows_errors() -> bool {
    stderr().is_terminal()
}

/// Whether what is written to standard error may have colours: on a terminal that supports them, where
/// `NO_COLOR` is not set.
pub fn has_colours() -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    is_interactive() && !unwanted
}

/// Columns of the terminal on standard error.
pub fn width() -> usize {
    columns_of(&console::Term::stderr())
}

fn columns_of(terminal: &console::Term) -> usize {
    let size = terminal.size_checked();
    size.map_or(DEFAULT_WIDTH, |(_, columns)| usize::from(columns))
}

/// A moving line, below what is logged.
#[derive(Debug)]
pub struct MovingLine(ProgressBar);

impl MovingLine {
    /// Shows these words beside the bar or the spinner.
    pub fn say(&self, words: &str) {
        self.0.set_message(clean(words).into_owned());
    }

    /// So much is done.
    pub fn is_at(&self, done: u64) {
        self.0.set_position(done);
    }

    /// There is so much to do.
    pub fn ends_at(&self, total: u64) {
        self.0.set_length(total);
    }

    /// Turns the spinner.
    pub fn tick(&self) {
        self.0.tick();
    }

    /// Takes the line away.
    pub fn finish(&self) {
        self.0.finish_and_clear();
    }
}

/// A moving line: a bar that fills up to `total`, or a spinner. `None` where standard error is no
/// terminal, or one that cannot write over lines.
pub fn line(total: Option<u64>) -> Option<MovingLine> {
    if !is_interactive() {
        return None;
    }
    let (bar, template) = match (total, has_colours()) {
        (Some(total), true) => (ProgressBar::new(total), "[{bar:16.cyan}] {wide_msg}"),
        (Some(total), false) => (ProgressBar::new(total), "[{bar:16}] {wide_msg}"),
        (None, true) => (ProgressBar::no_length(), "{spinner:.cyan} {wide_msg}"),
        (None, false) => (ProgressBar::no_length(), "{spinner} {wide_msg}"),
    };
    let style =
        ProgressStyle::with_template(template).expect("the templates above are well-formed");
    // Characters that every terminal has.
    let style = style.progress_chars("=> ").tick_chars("-\\|/ ");
    Some(MovingLine(lines().add(bar.with_style(style))))
}

/// Columns that are left for words beside the line's bar or spinner.
pub fn words_width(is_bar: bool) -> usize {
    // The last column stays free: some terminals wrap when it is written.
    width().saturating_sub(if is_bar { 20 } else { 3 })
}

/// Joins parts until they fill `width` columns. Parts with a higher rank are left out first, the
/// last of a rank before the others; those with rank 0 always stay.
pub fn fit(parts: &[(u8, String)], width: usize) -> String {
    let columns = |parts: &[(u8, Cow<'_, str>)]| {
        let words: usize = parts.iter().map(|(_, text)| wrap::columns(text)).sum();
        words + 2 * parts.len().saturating_sub(1)
    };
    // They fill the columns that they have when they are shown.
    let parts = parts.iter().map(|(rank, text)| (*rank, clean(text)));
    let mut kept: Vec<_> = parts.filter(|(_, text)| !text.is_empty()).collect();
    while columns(&kept) > width {
        let last = kept
            .iter()
            .enumerate()
            .max_by_key(|(at, (rank, _))| (*rank, *at));
        match last {
            Some((at, (rank, _))) if *rank > 0 => drop(kept.remove(at)),
            _ => break,
        }
    }
    let texts: Vec<_> = kept.iter().map(|(_, text)| text.as_ref()).collect();
    texts.join("  ")
}

/// Writes the log to standard error, above the moving lines, which come back below. What is written has
/// been cleaned (`logging`).
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct StderrAboveLines;

impl Write for StderrAboveLines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        above(|| stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        stderr().flush()
    }
}

/// As [`StderrAboveLines`], with lines that fit the terminal.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct WrappedAboveLines;

impl Write for WrappedAboveLines {
    /// The log is written an entry at a time.
    fn write(&mut self, entry: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(entry);
        let text = fitted(text.lines(), Some(width()), LOG_INDENT);
        above(|| stderr().write_all(text.as_bytes()))?;
        Ok(entry.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        stderr().flush()
    }
}

/// Prints a line for people on standard error; a failure is ignored.
pub fn say(line: impl Display) {
    say_lines([line.to_string()]);
}

/// Prints lines for people on standard error; a failure is ignored.
pub fn say_lines(lines: impl IntoIterator<Item = impl AsRef<str>>) {
    let lines: Vec<_> = lines
        .into_iter()
        .map(|line| clean(line.as_ref()).into_owned())
        .collect();
    let text = fitted(&lines, shows_errors().then(width), INDENT);
    let _ = above(|| stderr().write_all(text.as_bytes()));
}

/// The lines as they fit a terminal of so many columns, if there is one.
fn fitted(
    lines: impl IntoIterator<Item = impl AsRef<str>>,
    width: Option<usize>,
    indent: usize,
) -> String {
    let fitted = lines.into_iter().map(|line| match width {
        Some(width) => wrap::wrapped(line.as_ref(), width, indent),
        None => line.as_ref().to_owned(),
    });
    fitted.fold(String::new(), |text, line| text + &line + "\n")
}

/// As [`say_lines`], without taking a lock: for a panic or a signal at any point.
pub(crate) fn say_at_once(lines: impl IntoIterator<Item = impl AsRef<str>>) {
    let _ = stderr().write_all(joined(lines).as_bytes());
}

/// Prints a line for people and scripts on standard output, such as the worker's address. A closed output is
/// ignored.
pub fn tell(line: impl Display) {
    let text = joined([line.to_string()]);
    let _ = above(|| {
        stdout()
            .write_all(text.as_bytes())
            .and_then(|()| stdout().flush())
    });
}

/// Prints lines for people on standard output. A reader that has enough is no error.
pub fn print(lines: impl IntoIterator<Item = impl AsRef<str>>) -> Result<()> {
    let text = joined(lines);
    pass(fitted(text.lines(), output_width(), INDENT).as_bytes())
}

/// Passes what programs read to standard output as it is: scripts, pages, JSON that was escaped.
/// A reader that has enough is no error.
pub fn pass(bytes: &[u8]) -> Result<()> {
    match stdout().write_all(bytes) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("cannot write to standard output"),
    }
}

/// Passes an object of JSON as a line to standard output, or else to standard error.
pub fn pass_object(line: &str, to_output: bool) -> io::Result<()> {
    let line = format!("{}\n", text::json_escaped(line));
    match to_output {
        true => stdout().write_all(line.as_bytes()),
        false => stderr().write_all(line.as_bytes()),
    }
}

fn joined(lines: impl IntoIterator<Item = impl AsRef<str>>) -> String {
    let lines = lines.into_iter();
    lines.fold(String::new(), |text, line| {
        text + &clean(line.as_ref()) + "\n"
    })
}

/// Does something that writes to the terminal, with the moving lines away meanwhile.
fn above<T>(write: impl FnOnce() -> T) -> T {
    match LINES.get() {
        Some(lines) => lines.suspend(write),
        None => write(),
    }
}

/// All moving lines of the process.
static LINES: OnceLock<MultiProgress> = OnceLock::new();

fn lines() -> &'static MultiProgress {
    LINES.get_or_init(MultiProgress::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_matters_least_is_left_out_first() {
        let part = |rank, text: &str| (rank, text.to_owned());
        let parts = [
            part(0, "12 frames"),
            part(2, "1.5 MB/s"),
            part(1, "age 30 ms"),
            part(2, ""),
            part(2, "JPEG 80"),
        ];
        assert_eq!(fit(&parts, 80), "12 frames  1.5 MB/s  age 30 ms  JPEG 80");
        assert_eq!(fit(&parts, 30), "12 frames  1.5 MB/s  age 30 ms");
        assert_eq!(fit(&parts, 29), "12 frames  age 30 ms");
        assert_eq!(fit(&parts, 15), "12 frames");
        assert_eq!(fit(&parts, 3), "12 frames");
    }

    #[test]
    fn a_string_is_one_line_of_bounded_length() {
        assert_eq!(joined(["a\nerror: b", "c"]), "a\\nerror: b\nc\n");
        let long = joined(["x".repeat(1_000_000)]);
        assert!(long.len() < MAX_LINE_CHARS + 50 && long.contains("characters more"));
    }

    #[test]
    fn a_part_takes_the_columns_that_it_has_when_shown() {
        let parts = [(0, "12 frames".to_owned()), (1, "\x1b".repeat(3))];
        assert_eq!(fit(&parts, 20), "12 frames");
        assert_eq!(fit(&parts, 29), r"12 frames  \u{1b}\u{1b}\u{1b}");
    }
}
