//! The values that were chosen, each with its origin.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, Command};

use super::flag::{self, Flag};

/// How strong a place is where values stand; the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    Line,
    Environment,
    /// The file that the user named.
    NamedFile,
    /// The one of the working directory, which may be another user's.
    FolderFile,
    /// The one of the user, and what else SLEAP-RTC keeps in the user's home.
    UserFile,
}

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub(crate) rank: Rank,
    text: String,
}

impl Origin {
    pub(crate) fn new(rank: Rank, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { rank, text }
    }

    pub(super) fn line() -> Self {
        Self::new(Rank::Line, "command line")
    }
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// What is said of a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Given {
    /// Not to be set, whatever weaker places say.
    Off,
    /// Set, without a value, so many times.
    On(u8),
    /// Paths may be in any encoding.
    Values(Vec<OsString>),
}

#[derive(Debug, Clone)]
pub(super) struct Value {
    pub(super) given: Given,
    pub(super) origin: Origin,
}

/// A setting as it is to be shown.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) name: String,
    pub(super) default: Vec<String>,
    pub(super) is_list: bool,
    pub(super) is_secret: bool,
}

/// A file that was looked for.
#[derive(Debug, Clone)]
pub(super) struct SeenFile {
    pub(super) rank: Rank,
    /// Its name in messages.
    pub(super) shown: String,
    pub(super) path: PathBuf,
    pub(super) is_there: bool,
}

/// A setting that was not taken, because it contradicts one of a stronger place.
#[derive(Debug, Clone)]
pub(super) struct Overruled {
    pub(super) name: String,
    pub(super) origin: Origin,
    /// The stronger setting.
    pub(super) by: String,
    pub(super) by_origin: Origin,
}

/// The values of a command's settings that are not left at their defaults.
#[derive(Debug)]
pub struct Chosen {
    values: BTreeMap<String, Value>,
    /// All settings there are, in the order of the help.
    pub(super) shown: Vec<Shown>,
    /// The files that were looked for, the strongest first.
    pub(super) files: Vec<SeenFile>,
    pub(super) overruled: Vec<Overruled>,
    /// What the user is to know of a file in use.
    pub(super) warnings: Vec<String>,
}

/// Where settings that were chosen stand, without their values.
#[derive(Debug, Clone, Default)]
pub struct Places(BTreeMap<String, Origin>);

impl Places {
    /// Where a setting that has a value stands.
    pub(crate) fn of(&self, name: &str) -> Origin {
        self.0.get(name).cloned().unwrap_or_else(Origin::line)
    }

    #[cfg(test)]
    pub(crate) fn with(places: &[(&str, Origin)]) -> Self {
        let owned = |(name, origin): &(&str, Origin)| ((*name).to_owned(), origin.clone());
        Self(places.iter().map(owned).collect())
    }
}

impl Chosen {
    pub(super) fn new(scope: &Command) -> Self {
        let shown = |flag: Flag<'_>| Shown {
            name: flag.name(),
            default: flag.default(),
            is_list: flag.is_list(),
            is_secret: flag.is_secret(),
        };
        Self {
            values: BTreeMap::new(),
            shown: flag::all(scope).map(shown).collect(),
            files: Vec::new(),
            overruled: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Where each setting stands that was chosen.
    pub fn places(&self) -> Places {
        let place = |(name, value): (&String, &Value)| (name.clone(), value.origin.clone());
        Places(self.values.iter().map(place).collect())
    }

    /// The names of the settings that were taken from places of this rank.
    pub(super) fn taken_from(&self, rank: Rank) -> Vec<&str> {
        let values = self.values.iter();
        let there = values.filter(|(_, value)| value.origin.rank == rank);
        there.map(|(name, _)| name.as_str()).collect()
    }

    pub(super) fn insert(&mut self, flag: &Flag<'_>, value: Value) {
        self.values.insert(flag.name(), value);
    }

    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        self.values.get(name)
    }

    /// What was chosen for the setting called `name` (underscores): its value, or `true` for a
    /// flag that has none. `None` where it is left at its default or switched off.
    pub fn text(&self, name: &str) -> Option<&str> {
        match &self.values.get(name)?.given {
            Given::Off | Given::On(0) => None,
            Given::On(_) => Some("true"),
            Given::Values(values) => {
                let first = values.first().and_then(|value| value.to_str());
                Some(first.unwrap_or_default())
            }
        }
    }

    /// Whether it was chosen, and not switched off.
    pub fn is_set(&self, name: &str) -> bool {
        self.text(name).is_some()
    }

    /// Where it was chosen; `None`: it is left at its default.
    pub fn origin(&self, name: &str) -> Option<&Origin> {
        Some(&self.values.get(name)?.origin)
    }

    /// Takes `name` back if it stands in a weaker place than `other`, which is set.
    pub fn yield_to(&mut self, name: &str, other: &str) {
        let rank = |name: &str| self.values.get(name).map(|value| value.origin.rank);
        if self.is_set(other) && rank(name) > rank(other) {
            self.values.remove(name);
        }
    }

    /// Takes `name` back unless it stands on the command line.
    pub fn drop_weak(&mut self, name: &str) {
        if self
            .get(name)
            .is_some_and(|value| value.origin.rank > Rank::Line)
        {
            self.values.remove(name);
        }
    }

    /// The setting of a place stronger than `rank` that a flag contradicts.
    pub(super) fn contradicted(
        &self,
        scope: &Command,
        flag: &Flag<'_>,
        rank: Rank,
    ) -> Option<(String, Origin)> {
        flag::all(scope).find_map(|other| {
            let name = other.name();
            let origin = self.origin(&name).filter(|origin| origin.rank < rank)?;
            let contradicts = self.is_set(&name) && exclude(scope, flag.arg(), other.arg());
            contradicts.then(|| (name, origin.clone()))
        })
    }

    /// What does not stand on the command line, as it would stand there.
    pub(super) fn weak_arguments(&self) -> Vec<OsString> {
        let weak = self
            .values
            .iter()
            .filter(|(_, value)| value.origin.rank > Rank::Line);
        weak.flat_map(|(name, value)| arguments(name, &value.given))
            .collect()
    }
}

/// A setting as words of a command line.
pub(super) fn arguments(name: &str, given: &Given) -> Vec<OsString> {
    let flag = format!("--{}", name.replace('_', "-"));
    match given {
        Given::Off => Vec::new(),
        Given::On(times) => vec![flag.into(); usize::from(*times)],
        Given::Values(values) => {
            let word = |value: &OsString| {
                let mut word = OsString::from(format!("{flag}="));
                word.push(value);
                word
            };
            values.iter().map(word).collect()
        }
    }
}

/// Whether two flags cannot stand together.
fn exclude(scope: &Command, one: &Arg, other: &Arg) -> bool {
    let names = |arg: &Arg, other: &Arg| {
        let conflicts = scope.get_arg_conflicts_with(arg);
        conflicts
            .iter()
            .any(|conflict| conflict.get_id() == other.get_id())
    };
    let has = |group: &clap::ArgGroup, arg: &Arg| group.get_args().any(|id| id == arg.get_id());
    let in_group = |group: &clap::ArgGroup| {
        !group.clone().is_multiple() && has(group, one) && has(group, other)
    };
    let different = one.get_id() != other.get_id();
    different && (names(one, other) || names(other, one) || scope.get_groups().any(in_group))
}
