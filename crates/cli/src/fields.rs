//! How the log writes fields for people: each in one line, whatever it holds.

use std::fmt;

use anstyle::Style;
use tracing::field::{Field, Visit};
use tracing_subscriber::field::RecordFields;
use tracing_subscriber::fmt::FormatFields;
use tracing_subscriber::fmt::format::Writer;

use crate::terminal::clean;

/// Writes the message and `name=value` of the others.
///
/// Values come from peers, servers, files and models: none may steer the terminal or begin a line of
/// the log.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct CleanFields;

impl<'writer> FormatFields<'writer> for CleanFields {
    fn format_fields<R: RecordFields>(&self, writer: Writer<'writer>, fields: R) -> fmt::Result {
        let mut visitor = Visitor {
            writer,
            is_first: true,
            result: Ok(()),
        };
        fields.record(&mut visitor);
        visitor.result
    }
}

struct Visitor<'writer> {
    writer: Writer<'writer>,
    is_first: bool,
    result: fmt::Result,
}

impl Visitor<'_> {
    fn write(&mut self, field: &Field, value: &str) -> fmt::Result {
        let name = field.name();
        if !std::mem::take(&mut self.is_first) {
            self.writer.write_char(' ')?;
        }
        if name != "message" {
            let styles = match self.writer.has_ansi_escapes() {
                true => [Style::new().italic(), Style::new().dimmed()],
                false => [Style::new(); 2],
            };
            let [name_style, sign_style] = styles;
            let name = name.strip_prefix("r#").unwrap_or(name);
            write!(
                self.writer,
                "{name_style}{name}{name_style:#}{sign_style}={sign_style:#}"
            )?;
        }
        self.writer.write_str(&clean(value))
    }
}

impl Visit for Visitor<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // What the crate `log` adds to its messages for its own use.
        if self.result.is_ok() && !field.name().starts_with("log.") {
            self.result = self.write(field, &format!("{value:?}"));
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "message" => self.record_debug(field, &format_args!("{value}")),
            _ => self.record_debug(field, &value),
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let causes = std::iter::successors(Some(value), |&cause| cause.source());
        let texts: Vec<_> = causes.map(ToString::to_string).collect();
        self.record_debug(field, &format_args!("{}", texts.join(": ")));
    }
}
