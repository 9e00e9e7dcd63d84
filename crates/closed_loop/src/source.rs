//! The stream that rules act on, as events name it.

use std::sync::Arc;

/// A stream on which rules act.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleSource {
    /// Its name for people.
    pub source: String,
    /// What tells it from others, where there may be several: events have it then.
    pub stream: Option<String>,
    /// What it is called among others, whether there are any: rules can be for it by this name, or by that for people.
    pub name: String,
}

impl RuleSource {
    /// The names by which rules can be for it.
    pub(crate) fn names(&self) -> [&str; 2] {
        [&self.name, &self.source]
    }
}

/// A stream, in the calls of a [`RuleRunner`](crate::RuleRunner).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StreamKey(pub(crate) u64);

/// Where an event comes from.
#[derive(Debug, Clone, Default)]
pub struct EventOrigin {
    /// The stream.
    pub source: Arc<RuleSource>,
    /// The number of the moment that the frame shows, of a client with several cameras.
    pub moment: Option<u64>,
}
