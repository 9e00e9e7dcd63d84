//! The values that were chosen, each with its origin.

use std::collections::BTreeMap;
use std::ffi::OsString;

use clap::{Arg, Command};

use super::flag::{self, Flag};

/// How strong a place is where values stand; the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Rank {
    Line,
    Environment,
    /// The file that was named, or the one of this folder.
    File,
    /// The one of the user.
    UserFile,
}

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    pub(super) rank: Rank,
    text: String,
}

impl Origin {
    pub(super) fn new(rank: Rank, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { rank, text }
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
    Values(Vec<String>),
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

/// The values of a command's settings that are not left at their defaults.
#[derive(Debug)]
pub struct Chosen {
    values: BTreeMap<String, Value>,
    /// All settings there are, in the order of the help.
    pub(super) shown: Vec<Shown>,
    /// The files that were looked for, and whether they were there.
    pub(super) files: Vec<(String, bool)>,
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
        }
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
            Given::Values(values) => Some(values.first().map_or("", String::as_str)),
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

    /// Whether a flag contradicts what stands in a place stronger than `rank`.
    pub(super) fn contradicts(&self, scope: &Command, flag: &Flag<'_>, rank: Rank) -> bool {
        flag::all(scope).any(|other| {
            let name = other.name();
            let stronger = self
                .get(&name)
                .is_some_and(|value| value.origin.rank < rank);
            stronger && self.is_set(&name) && exclude(scope, flag.arg(), other.arg())
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
            let word = |value: &String| format!("{flag}={value}").into();
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
