//! What clap prints about a command line: help, or an error.

use std::borrow::Cow;
use std::error::Error as _;

use anstream::adapter::strip_str;
use clap::Error;
use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue};
use protocol::text::one_line;

use crate::terminal;

/// Prints help, or what is wrong, and ends the process as clap does. What is wrong names values of the
/// command line, of variables and of files.
pub fn end_with(mut error: Error) -> ! {
    let as_said = strip_str(&error.render().ansi().to_string()).to_string();
    let text = plain(&mut error);
    if text == as_said && text.lines().all(|line| one_line(line) == line) {
        // In colours, where the terminal has them.
        error.exit();
    }
    match error.use_stderr() {
        true => terminal::say_lines(text.lines()),
        // A closed standard output ends the process as well.
        false => drop(terminal::print(text.lines())),
    }
    std::process::exit(error.exit_code())
}

/// What is wrong with a command line, for a program that has no command line: without its usage and its help.
pub fn usage_message(mut error: Error) -> String {
    let text = plain(&mut error);
    let text = text.strip_prefix("error: ").unwrap_or(&text);
    let end = ["\n\nUsage:", "\n\nFor more information"];
    let end = end.iter().filter_map(|hint| text.find(hint)).min();
    text[..end.unwrap_or(text.len())].trim_end().to_owned()
}

/// The lines that clap makes of it without colours, with each value in one line.
pub(crate) fn plain(error: &mut Error) -> String {
    let context: Vec<_> = error
        .context()
        .map(|(kind, it)| (kind, it.clone()))
        .collect();
    for (kind, value) in context {
        if let Some(cleaned) = cleaned(kind, value) {
            error.insert(kind, cleaned);
        }
    }
    let mut text = error.render().ansi().to_string();
    let reason = error.source().map(ToString::to_string).unwrap_or_default();
    if !reason.is_empty() {
        text = text.replace(&reason, &one_line(&reason));
    }
    strip_str(&text).to_string()
}

/// The value with each text in one line; `None` where clap alone wrote it.
fn cleaned(kind: ContextKind, value: ContextValue) -> Option<ContextValue> {
    let line = |text: &String| one_line(text).into_owned();
    match value {
        ContextValue::String(text) => Some(ContextValue::String(line(&text))),
        ContextValue::Strings(texts) => {
            Some(ContextValue::Strings(texts.iter().map(line).collect()))
        }
        ContextValue::StyledStrs(tips) if kind == ContextKind::Suggested => {
            let tips = tips.into_iter().map(|tip| {
                let text = strip_str(&tip.ansi().to_string()).to_string();
                match one_line(&text) {
                    // With clap's colours.
                    Cow::Borrowed(_) => tip,
                    Cow::Owned(line) => StyledStr::from(line),
                }
            });
            Some(ContextValue::StyledStrs(tips.collect()))
        }
        _ => None,
    }
}
