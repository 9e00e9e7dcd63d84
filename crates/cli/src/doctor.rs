//! Reports of whether a machine can do its part: what `doctor` prints.

mod machine;
mod secret;

use std::io::{self, Write};

use anstyle::{AnsiColor, Style};
use protocol::text::Lines;

use crate::ExitStatus;
use crate::terminal::{StyledOutput, clean};

pub use machine::{network, system};
pub use secret::{SecretSource, secret};

/// How a check came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckOutcome {
    /// As it should be.
    Ok,
    /// It is not there, and not needed.
    Absent,
    /// It works, and could work better.
    Warn,
    /// Something does not work.
    Fail,
}

impl CheckOutcome {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Absent => "-",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }

    fn style(self) -> Style {
        let colour = match self {
            Self::Ok => AnsiColor::Green,
            Self::Absent => return Style::new().dimmed(),
            Self::Warn => AnsiColor::Yellow,
            Self::Fail => AnsiColor::Red,
        };
        colour.on_default().bold()
    }
}

/// Prints checks as they come out, one under the other in columns, and remembers the worst.
pub struct CheckReport<W> {
    out: W,
    is_detailed: bool,
    /// The subjects of the checks that failed.
    failed: Vec<String>,
    /// The first failure to print: the reader is gone, and the checks go on for the exit code.
    closed: Option<io::Error>,
}

/// Where the second and the third column begin.
const SUBJECT: usize = 6;
const FINDING: usize = SUBJECT + 18;

impl CheckReport<StyledOutput> {
    /// To standard output, in colour where that is a terminal and `NO_COLOR` is not set. `is_detailed`:
    /// with [details](Self::detail).
    pub fn to_stdout(is_detailed: bool) -> Self {
        Self::new(StyledOutput::new(FINDING), is_detailed)
    }
}

impl<W: Write> CheckReport<W> {
    /// To `out`, which gets colours.
    pub fn new(out: W, is_detailed: bool) -> Self {
        Self {
            out,
            is_detailed,
            failed: Vec::new(),
            closed: None,
        }
    }

    /// Whether details are printed.
    pub fn is_detailed(&self) -> bool {
        self.is_detailed
    }

    /// What most readers do not need.
    pub fn detail(&mut self, subject: &str, finding: impl Into<Lines>) {
        if self.is_detailed {
            self.ok(subject, finding);
        }
    }

    /// It is not there, and nothing needs it; `advice` is what would change that.
    pub fn absent(&mut self, subject: &str, finding: impl Into<Lines>, advice: impl Into<Lines>) {
        let (finding, advice) = (finding.into(), advice.into());
        self.add(CheckOutcome::Absent, subject, &finding, &advice);
    }

    /// The check passed.
    pub fn ok(&mut self, subject: &str, finding: impl Into<Lines>) {
        self.add(
            CheckOutcome::Ok,
            subject,
            &finding.into(),
            &Lines::default(),
        );
    }

    /// It works, and `advice` would make it better.
    pub fn warn(&mut self, subject: &str, finding: impl Into<Lines>, advice: impl Into<Lines>) {
        self.add(CheckOutcome::Warn, subject, &finding.into(), &advice.into());
    }

    /// It does not work; `advice` is what to do.
    pub fn fail(&mut self, subject: &str, finding: impl Into<Lines>, advice: impl Into<Lines>) {
        self.add(CheckOutcome::Fail, subject, &finding.into(), &advice.into());
    }

    /// One check. A finding and an advice may have several lines; an empty advice is left out.
    fn add(&mut self, verdict: CheckOutcome, subject: &str, finding: &Lines, advice: &Lines) {
        if verdict == CheckOutcome::Fail {
            self.failed.push(subject.trim_start().to_owned());
        }
        if self.closed.is_none() {
            self.closed = self.print(verdict, subject, finding, advice).err();
        }
    }

    fn print(
        &mut self,
        verdict: CheckOutcome,
        subject: &str,
        finding: &Lines,
        advice: &Lines,
    ) -> io::Result<()> {
        let (style, word) = (verdict.style(), verdict.word());
        let width = FINDING - SUBJECT;
        let mut lines = finding.0.iter().map(|line| clean(line));
        let first = lines.next().unwrap_or_default();
        let subject = clean(subject);
        let gap = SUBJECT - word.len();
        writeln!(
            self.out,
            "{style}{word}{style:#}{:gap$}{subject:<width$}{first}",
            ""
        )?;
        for line in lines {
            writeln!(self.out, "{:FINDING$}{line}", "")?;
        }
        let mut arrow = "-> ";
        let advice = advice.0.iter().filter(|line| !line.is_empty());
        for line in advice.map(|line| clean(line)) {
            writeln!(self.out, "{:FINDING$}{arrow}{line}", "")?;
            arrow = "   ";
        }
        self.out.flush()
    }

    /// Prints the verdict: what the machine is ready for, or which checks failed. Returns
    /// [`ExitStatus::Failed`] where a check failed.
    pub fn finish(mut self, ready_for: &str) -> ExitStatus {
        let (outcome, word, rest, exit) = match self.failed.as_slice() {
            [] => (
                CheckOutcome::Ok,
                "Ready",
                ready_for.to_owned(),
                ExitStatus::Done,
            ),
            failed => {
                let failed = failed.join(", ");
                (CheckOutcome::Fail, "Not ready", failed, ExitStatus::Failed)
            }
        };
        let style = outcome.style();
        if self.closed.is_none() {
            // Without a reader the exit code is all that is left to give.
            let _ = writeln!(self.out, "\n{style}{word}{style:#}: {}", clean(&rest));
            let _ = self.out.flush();
        }
        exit
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(report: CheckReport<Vec<u8>>) -> String {
        let text = String::from_utf8(report.out).expect("text");
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn checks_stand_in_columns_with_what_to_do_below() {
        let mut report = CheckReport::new(Vec::new(), false);
        report.ok("system", "Linux");
        report.detail("searched", "/usr/lib");
        report.absent("display", "no screen", "");
        let lines = |one: &str, other: &str| [one.to_owned(), other.to_owned()];
        report.warn("UDP buffers", lines("208 KiB", "of 4096 KiB"), "sysctl ...");
        let advice = lines("install it", "or set a path");
        report.fail("ONNX Runtime", "not found", advice);
        assert_eq!(
            plain(report),
            "\
ok    system            Linux
-     display           no screen
warn  UDP buffers       208 KiB
                        of 4096 KiB
                        -> sysctl ...
fail  ONNX Runtime      not found
                        -> install it
                           or set a path
"
        );
    }

    #[test]
    fn what_is_found_begins_no_line_and_steers_no_terminal() {
        let mut report = CheckReport::new(Vec::new(), false);
        report.fail("a\nb", "c\x1b[2J\nok    d", "e\u{202e}\n-> f");
        assert_eq!(
            plain(report),
            "\
fail  a\\nb              c\\u{1b}[2J\\nok    d
                        -> e\\u{202e}\\n-> f
"
        );
    }

    #[test]
    fn the_verdict_names_what_failed_or_what_the_machine_is_ready_for() {
        let finish = |report: CheckReport<&mut Vec<u8>>| report.finish("all");
        let mut text = Vec::new();
        let mut report = CheckReport::new(&mut text, true);
        report.detail("a", "fine");
        report.warn("b", "well", "do");
        report.absent("c", "none", "");
        assert_eq!(finish(report), ExitStatus::Done);
        let shown = anstream::adapter::strip_bytes(&text).into_vec();
        let shown = String::from_utf8(shown).unwrap();
        assert!(
            shown.starts_with("ok    a") && shown.ends_with("\n\nReady: all\n"),
            "{shown}"
        );
        let mut text = Vec::new();
        let mut report = CheckReport::new(&mut text, false);
        report.fail("  c", "no", "do");
        report.ok("d", "fine");
        report.fail("e\nReady: all", "no", "");
        assert_eq!(finish(report), ExitStatus::Failed);
        let shown = anstream::adapter::strip_bytes(&text).into_vec();
        let shown = String::from_utf8(shown).unwrap();
        assert!(
            shown.ends_with("\n\nNot ready: c, e\\nReady: all\n"),
            "{shown}"
        );
    }

    #[test]
    fn a_reader_that_left_does_not_change_the_outcome() {
        struct OutputClosed;
        impl Write for OutputClosed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut report = CheckReport::new(OutputClosed, false);
        report.ok("a", "fine");
        report.fail("b", "no", "do");
        assert_eq!(report.finish("all"), ExitStatus::Failed);
    }
}
