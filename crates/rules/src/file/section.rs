//! A table of the file, whose keys are taken one after the other; what is left is an error.

use std::cell::RefCell;
use std::ops::{Range, RangeInclusive};

use toml_edit::{Item, Key, TableLike, Value};

use crate::error::{Place, RulesError};

/// A file's text and name, to say where something stands.
pub(super) struct SourceText<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
}

impl SourceText<'_> {
    pub(super) fn place(&self, at: Option<Range<usize>>) -> Place {
        let at = at.map_or(0, |span| span.start).min(self.text.len());
        let before = self.text.get(..at).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place {
            line: 1 + before.matches('\n').count(),
            column: 1 + before[line_start..].chars().count(),
        }
    }

    pub(super) fn error(&self, place: Place, reason: impl Into<String>) -> RulesError {
        RulesError::new(self.name, place, reason)
    }
}

/// A text of the file.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Word {
    pub(super) text: String,
    pub(super) place: Place,
}

/// A table whose keys are taken one after the other.
pub(super) struct Section<'a> {
    pub(super) source: &'a SourceText<'a>,
    table: &'a dyn TableLike,
    /// As it is called in messages: `[zone.corner]`.
    pub(super) title: String,
    pub(super) place: Place,
    /// The keys that were looked for.
    known: RefCell<Vec<&'static str>>,
}

impl<'a> Section<'a> {
    pub(super) fn new(
        source: &'a SourceText<'a>,
        table: &'a dyn TableLike,
        title: String,
        place: Place,
    ) -> Self {
        Self {
            source,
            table,
            title,
            place,
            known: RefCell::default(),
        }
    }

    /// The section of a value that has to be a table.
    pub(super) fn of(
        source: &'a SourceText<'a>,
        item: &'a Item,
        title: String,
        place: Place,
    ) -> Result<Self, RulesError> {
        match item.as_table_like() {
            Some(table) => Ok(Self::new(source, table, title, place)),
            None => Err(source.error(place, format!("{title} has to be a table"))),
        }
    }

    /// Looks for a key.
    pub(super) fn item(&self, key: &'static str) -> Option<&'a Item> {
        self.known.borrow_mut().push(key);
        self.table.get(key)
    }

    /// Where the value of a key stands.
    pub(super) fn place_of(&self, key: &str) -> Place {
        let span = self.table.get(key).and_then(Item::span);
        let span = span.or_else(|| self.table.key(key).and_then(Key::span));
        span.map_or(self.place, |span| self.source.place(Some(span)))
    }

    /// All entries: names with their values and places.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'a str, &'a Item, Place)> + '_ {
        let table = self.table;
        table.iter().map(move |(name, item)| {
            let span = table.key(name).and_then(Key::span).or(item.span());
            (name, item, self.source.place(span))
        })
    }

    pub(super) fn error(&self, key: &str, reason: &str) -> RulesError {
        let title = &self.title;
        self.source
            .error(self.place_of(key), format!("{key} of {title} {reason}"))
    }

    pub(super) fn missing(&self, what: &str) -> RulesError {
        self.source
            .error(self.place, format!("{} has no {what}", self.title))
    }

    /// A name that is not known, with those that are.
    pub(super) fn unknown(&self, word: &Word, kind: &str, known: &[String]) -> RulesError {
        let Word { text, place } = word;
        let reason = match known.is_empty() {
            true => format!("there is no {kind} {text:?}: write a table [{kind}.{text}]"),
            false => format!("there is no {kind} {text:?}"),
        };
        RulesError::unknown(self.source.name, *place, reason, text, known.to_vec())
    }

    pub(super) fn word(&self, key: &'static str) -> Result<Option<Word>, RulesError> {
        let Some(item) = self.item(key) else {
            return Ok(None);
        };
        match item.as_str() {
            Some(text) => Ok(Some(Word {
                text: text.to_owned(),
                place: self.place_of(key),
            })),
            None => Err(self.error(key, "has to be a text in quotes")),
        }
    }

    pub(super) fn number(
        &self,
        key: &'static str,
        range: RangeInclusive<f64>,
    ) -> Result<Option<f64>, RulesError> {
        let Some(item) = self.item(key) else {
            return Ok(None);
        };
        match item.as_value().and_then(number) {
            Some(number) if range.contains(&number) => Ok(Some(number)),
            Some(_) => {
                let (low, high) = (range.start(), range.end());
                Err(self.error(key, &format!("has to be from {low} to {high}")))
            }
            None => Err(self.error(key, "has to be a number")),
        }
    }

    /// Milliseconds as microseconds.
    pub(super) fn milliseconds(&self, key: &'static str) -> Result<Option<u64>, RulesError> {
        const HOUR_MS: f64 = 3_600_000.0;
        let milliseconds = self.number(key, 0.0..=HOUR_MS)?;
        Ok(milliseconds.map(|milliseconds| (milliseconds * 1e3).round() as u64))
    }

    /// A list of so many numbers.
    pub(super) fn numbers<const N: usize>(
        &self,
        key: &'static str,
        form: &str,
    ) -> Result<Option<[f64; N]>, RulesError> {
        let Some(item) = self.item(key) else {
            return Ok(None);
        };
        match item.as_value().and_then(numbers) {
            Some(numbers) => Ok(Some(numbers)),
            None => Err(self.error(key, &format!("has to be {form}"))),
        }
    }

    /// One text, or a list of texts.
    pub(super) fn words(&self, key: &'static str) -> Result<Option<Vec<Word>>, RulesError> {
        let Some(item) = self.item(key) else {
            return Ok(None);
        };
        let word = |value: &Value| {
            let text = value.as_str()?.to_owned();
            let place = self.source.place(value.span());
            Some(Word { text, place })
        };
        let words = match item.as_value() {
            Some(Value::Array(list)) => list.iter().map(word).collect::<Option<Vec<_>>>(),
            Some(value) => word(value).map(|word| vec![word]),
            None => None,
        };
        match words {
            Some(words) => Ok(Some(words)),
            None => Err(self.error(key, "has to be a text in quotes, or a list of these")),
        }
    }

    /// Fails where a key is left that was not looked for.
    pub(super) fn finish(self) -> Result<(), RulesError> {
        let known = self.known.borrow();
        let is_left = |(key, _, _): &(&str, &Item, Place)| !known.contains(key);
        let left = self.entries().find(is_left);
        match left {
            None => Ok(()),
            Some((key, _, place)) => Err(RulesError::unknown(
                self.source.name,
                place,
                format!("{} has no key {key:?}", self.title),
                key,
                known.iter().map(|key| (*key).to_owned()).collect(),
            )),
        }
    }
}

/// A number that is finite.
pub(super) fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Integer(integer) => *integer.value() as f64,
        Value::Float(float) => *float.value(),
        _ => return None,
    };
    number.is_finite().then_some(number)
}

/// So many numbers.
pub(super) fn numbers<const N: usize>(value: &Value) -> Option<[f64; N]> {
    let list = value.as_array()?;
    let numbers: Option<Vec<f64>> = list.iter().map(number).collect();
    numbers?.try_into().ok()
}
