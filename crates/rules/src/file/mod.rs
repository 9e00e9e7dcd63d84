//! Reads rules from TOML.

mod condition;
mod edit;
mod output;
mod rule;
mod section;
mod zone;

use toml_edit::{Document, Item, Table};

use crate::error::{Place, RulesError};
use crate::rule::Rules;
use section::{Section, SourceText};

/// Longest file that is read, bytes.
pub const MAX_BYTES: usize = 1 << 20;

/// Zones, outputs and rules of a file at most, each.
const MAX_ENTRIES: usize = 256;

/// How long poses may stop before outputs are switched off, where the file does not say it.
const DEFAULT_SILENCE_US: u64 = 500_000;

impl Rules {
    /// Reads rules. `file`: its name in messages.
    ///
    /// # Errors
    /// What is wrong first, with its place.
    pub fn parse(file: &str, text: &str) -> Result<Self, RulesError> {
        let source = SourceText { name: file, text };
        let start = source.place(None);
        if text.len() > MAX_BYTES {
            let reason = format!("the file has more than {MAX_BYTES} bytes");
            return Err(source.error(start, reason));
        }
        let document = Document::parse(text)
            .map_err(|error| source.error(source.place(error.span()), one_line(error.message())))?;
        let table: &Table = document.as_table();
        let top = Section::new(&source, table, "the file".to_owned(), start);
        let zones = group(&top, "zone", zone::read)?;
        let outputs = group(&top, "output", output::read)?;
        output::check_ports(&source, &outputs)?;
        let names = rule::KnownNames {
            zones: zones.iter().map(|zone| zone.name.clone()).collect(),
            outputs: outputs.iter().map(|output| output.name.clone()).collect(),
        };
        let rules = group(&top, "rule", |section, name| {
            rule::read(section, name, &names)
        })?;
        let silence = top.milliseconds("silence")?;
        if silence == Some(0) {
            return Err(top.error("silence", "has to be above 0"));
        }
        if rules.is_empty() {
            return Err(top.missing("rule: write a table [rule.NAME]"));
        }
        top.finish()?;
        Ok(Self {
            file: file.to_owned(),
            zones,
            outputs,
            silence_us: silence.unwrap_or(DEFAULT_SILENCE_US),
            rules,
        })
    }
}

/// The tables of a kind, `[zone.NAME]` for example.
fn group<T>(
    top: &Section<'_>,
    kind: &'static str,
    read: impl Fn(Section<'_>, String) -> Result<T, RulesError>,
) -> Result<Vec<T>, RulesError> {
    let Some(item) = top.item(kind) else {
        return Ok(Vec::new());
    };
    let place = top.place_of(kind);
    let form = format!("[{kind}.NAME]");
    if matches!(item, Item::ArrayOfTables(_)) || item.as_table_like().is_none() {
        return Err(top
            .source
            .error(place, format!("{kind} is written as tables {form}")));
    }
    let all = Section::of(top.source, item, kind.to_owned(), place)?;
    let mut found = Vec::new();
    for (name, item, place) in all.entries() {
        check_name(top.source, kind, name, place)?;
        if found.len() == MAX_ENTRIES {
            let reason = format!("more than {MAX_ENTRIES} tables {form}");
            return Err(top.source.error(place, reason));
        }
        let section = Section::of(top.source, item, format!("[{kind}.{name}]"), place)?;
        found.push(read(section, name.to_owned())?);
    }
    Ok(found)
}

/// A name goes into files, messages and addresses.
fn check_name(
    source: &SourceText<'_>,
    kind: &str,
    name: &str,
    place: Place,
) -> Result<(), RulesError> {
    let is_plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.' | ' ');
    if (1..=64).contains(&name.chars().count()) && name.chars().all(is_plain) {
        return Ok(());
    }
    Err(source.error(
        place,
        format!(
            "the name of a {kind} has 1 to 64 letters, digits, blanks and the characters _ - ."
        ),
    ))
}

fn one_line(message: &str) -> String {
    message.lines().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
