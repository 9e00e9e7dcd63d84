//! Why a rules file is not accepted.

use std::fmt;

/// A place in a file; both numbers begin at 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// What is wrong with a rules file, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct RulesError {
    /// The file, as it was named.
    pub file: String,
    /// Where in it.
    pub place: Place,
    /// What is wrong.
    pub reason: String,
    /// A word that is not known, with those that are known in its place.
    pub unknown: Option<Box<UnknownWord>>,
    /// The word that was probably meant.
    hint: Option<String>,
}

/// A word that is not known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownWord {
    /// The word.
    pub word: String,
    /// The words that are known in its place.
    pub known: Vec<String>,
}

impl RulesError {
    pub(crate) fn new(file: &str, place: Place, reason: impl Into<String>) -> Self {
        Self {
            file: file.to_owned(),
            place,
            reason: reason.into(),
            unknown: None,
            hint: None,
        }
    }

    /// A word that is not known, with those that are.
    pub(crate) fn unknown(
        file: &str,
        place: Place,
        reason: impl Into<String>,
        word: &str,
        known: Vec<String>,
    ) -> Self {
        Self {
            unknown: Some(Box::new(UnknownWord {
                word: word.to_owned(),
                known,
            })),
            ..Self::new(file, place, reason)
        }
    }

    /// The error with the word that was probably meant, found by `nearest` among those that are known.
    #[must_use]
    pub fn with_hint(mut self, nearest: impl Fn(&str, Vec<String>) -> Option<String>) -> Self {
        if let Some(unknown) = &self.unknown {
            self.hint = nearest(&unknown.word, unknown.known.clone());
        }
        self
    }
}

/// `rules.toml, line 3, column 8: there is no zone "croner"; did you mean corner? It has corner, nest`.
impl fmt::Display for RulesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Place { line, column } = self.place;
        write!(
            f,
            "{}, line {line}, column {column}: {}",
            self.file, self.reason
        )?;
        if let Some(hint) = &self.hint {
            write!(f, "; did you mean {hint}?")?;
        }
        match &self.unknown {
            Some(unknown) if unknown.known.is_empty() => Ok(()),
            Some(unknown) => write!(f, ". There are: {}", unknown.known.join(", ")),
            None => Ok(()),
        }
    }
}
