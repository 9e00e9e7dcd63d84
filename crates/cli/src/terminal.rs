//! Lines that move on a terminal, and what else is said there.

use std::io::{self, IsTerminal, Write};
use std::sync::OnceLock;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

/// Columns where the terminal does not say how many it has.
const USUAL_WIDTH: usize = 80;

/// Whether standard error is a terminal on which a line can be written over.
pub fn is_interactive() -> bool {
    io::stderr().is_terminal() && !console::is_dumb()
}

/// Whether what is written to standard error may have colours: on a terminal that knows them, where
/// `NO_COLOR` is not set.
pub fn has_colours() -> bool {
    let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    is_interactive() && !unwanted
}

/// Columns of the terminal on standard error.
pub fn width() -> usize {
    let size = console::Term::stderr().size_checked();
    size.map_or(USUAL_WIDTH, |(_, columns)| usize::from(columns))
}

/// A moving line, below what is logged: a bar that fills up to `total`, or a spinner. `None` where
/// standard error is no terminal, or one that cannot write over lines.
pub fn line(total: Option<u64>) -> Option<ProgressBar> {
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
    Some(lines().add(bar.with_style(style)))
}

/// Columns that are left for words beside the line's bar or spinner.
pub fn words_width(is_bar: bool) -> usize {
    // The last column stays free: some terminals wrap when it is written.
    width().saturating_sub(if is_bar { 20 } else { 3 })
}

/// Joins parts until they fill `width` columns. Parts with a higher rank are left out first, the
/// last of a rank before the others; those with rank 0 always stay.
pub fn fit(parts: &[(u8, String)], width: usize) -> String {
    let columns = |parts: &[&(u8, String)]| {
        let words: usize = parts.iter().map(|(_, text)| text.chars().count()).sum();
        words + 2 * parts.len().saturating_sub(1)
    };
    let mut kept: Vec<&(u8, String)> = parts.iter().filter(|(_, text)| !text.is_empty()).collect();
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
    let texts: Vec<&str> = kept.iter().map(|(_, text)| text.as_str()).collect();
    texts.join("  ")
}

/// Writes to standard error above the moving lines, which come back below.
#[derive(Debug, Clone, Copy, Default)]
pub struct AboveLines;

impl Write for AboveLines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        above(|| io::stderr().write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Says something to people on standard error, whether or not anybody is there to read it.
pub fn say(words: impl std::fmt::Display) {
    let _ = above(|| writeln!(io::stderr(), "{words}"));
}

/// Does something that writes to the terminal, with the moving lines away meanwhile.
pub fn above<T>(write: impl FnOnce() -> T) -> T {
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
}
