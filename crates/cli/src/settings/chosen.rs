//! The values that were chosen, each with its origin.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, Command};

use super::flag::{self, SettingFlag};

/// How strong a source of values is; the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum SourceRank {
    Line,
    Environment,
    /// The file that the user named.
    NamedFile,
    /// The one of the working directory, which may be another user's.
    FolderFile,
    /// The one of the user, and what else SLEAP-RTC keeps in the user's home.
    UserFile,
}

/// The source of a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingOrigin {
    pub(crate) rank: SourceRank,
    text: String,
}

impl SettingOrigin {
    pub(crate) fn new(rank: SourceRank, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { rank, text }
    }

    pub(super) fn line() -> Self {
        Self::new(SourceRank::Line, "command line")
    }
}

impl std::fmt::Display for SettingOrigin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.text)
    }
}

/// The state that a source gives a setting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum SettingState {
    /// Switched off, whatever weaker sources give.
    Off,
    /// Set, without a value, so many times.
    On(u8),
    /// Paths may be in any encoding.
    Values(Vec<OsString>),
}

#[derive(Debug, Clone)]
pub(super) struct SettingValue {
    pub(super) given: SettingState,
    pub(super) origin: SettingOrigin,
}

/// A setting as it is to be shown.
#[derive(Debug)]
pub(super) struct ShownSetting {
    pub(super) name: String,
    pub(super) default: Vec<String>,
    pub(super) is_list: bool,
    pub(super) is_secret: bool,
}

/// A file that was looked for.
#[derive(Debug, Clone)]
pub(super) struct SeenFile {
    pub(super) rank: SourceRank,
    /// Its name in messages.
    pub(super) shown: String,
    pub(super) path: PathBuf,
    pub(super) is_there: bool,
}

/// A setting that was not taken, because it contradicts one from a stronger source.
#[derive(Debug, Clone)]
pub(super) struct Overruled {
    pub(super) name: String,
    pub(super) origin: SettingOrigin,
    /// The stronger setting.
    pub(super) by: String,
    pub(super) by_origin: SettingOrigin,
}

/// The values of a command's settings that are not left at their defaults.
#[derive(Debug)]
pub struct ChosenSettings {
    values: BTreeMap<String, SettingValue>,
    /// All settings there are, in the order of the help.
    pub(super) shown: Vec<ShownSetting>,
    /// The files that were looked for, the strongest first.
    pub(super) files: Vec<SeenFile>,
    pub(super) overruled: Vec<Overruled>,
    /// Warnings about files in use.
    pub(super) warnings: Vec<String>,
    /// No file is to be used.
    pub(super) uses_no_file: bool,
}

/// The sources of the chosen settings, without their values.
#[derive(Debug, Clone, Default)]
pub struct SettingOrigins(BTreeMap<String, SettingOrigin>);

impl SettingOrigins {
    /// The source of a setting that has a value.
    pub(crate) fn of(&self, name: &str) -> SettingOrigin {
        self.0
            .get(name)
            .cloned()
            .unwrap_or_else(SettingOrigin::line)
    }

    /// The same, where the worker's link is a stored one that no option names.
    pub(crate) fn with_stored_worker(mut self) -> Self {
        let origin = SettingOrigin::new(SourceRank::UserFile, "the stored workers");
        self.0.insert("worker".to_owned(), origin);
        self
    }

    #[cfg(test)]
    pub(crate) fn with(origins: &[(&str, SettingOrigin)]) -> Self {
        let owned = |(name, origin): &(&str, SettingOrigin)| ((*name).to_owned(), origin.clone());
        Self(origins.iter().map(owned).collect())
    }
}

impl ChosenSettings {
    pub(super) fn new(scope: &Command) -> Self {
        let shown = |flag: SettingFlag<'_>| ShownSetting {
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
            uses_no_file: false,
        }
    }

    /// Whether the user asked for settings of no file.
    pub fn uses_no_file(&self) -> bool {
        self.uses_no_file
    }

    /// The source of each chosen setting.
    pub fn origins(&self) -> SettingOrigins {
        let place = |(name, value): (&String, &SettingValue)| (name.clone(), value.origin.clone());
        SettingOrigins(self.values.iter().map(place).collect())
    }

    /// The names of the settings that were taken from sources of this rank.
    pub(super) fn taken_from(&self, rank: SourceRank) -> Vec<&str> {
        let values = self.values.iter();
        let there = values.filter(|(_, value)| value.origin.rank == rank);
        there.map(|(name, _)| name.as_str()).collect()
    }

    pub(super) fn insert(&mut self, flag: &SettingFlag<'_>, value: SettingValue) {
        self.values.insert(flag.name(), value);
    }

    pub(super) fn get(&self, name: &str) -> Option<&SettingValue> {
        self.values.get(name)
    }

    /// What was chosen for the setting called `name` (underscores): its value, or `true` for a
    /// flag that has none. `None` where it is left at its default or switched off.
    pub fn text(&self, name: &str) -> Option<&str> {
        match &self.values.get(name)?.given {
            SettingState::Off | SettingState::On(0) => None,
            SettingState::On(_) => Some("true"),
            SettingState::Values(values) => {
                let first = values.first().and_then(|value| value.to_str());
                Some(first.unwrap_or_default())
            }
        }
    }

    /// How many values were chosen for it.
    pub fn count(&self, name: &str) -> usize {
        match self.values.get(name).map(|value| &value.given) {
            None | Some(SettingState::Off) => 0,
            Some(SettingState::On(times)) => usize::from(*times),
            Some(SettingState::Values(values)) => values.len(),
        }
    }

    /// Whether it was chosen, and not switched off.
    pub fn is_set(&self, name: &str) -> bool {
        self.text(name).is_some()
    }

    /// Its source; `None`: it is left at its default.
    pub fn origin(&self, name: &str) -> Option<&SettingOrigin> {
        Some(&self.values.get(name)?.origin)
    }

    /// Removes `name` if it comes from a weaker source than `other`, which is set.
    pub fn yield_to(&mut self, name: &str, other: &str) {
        let rank = |name: &str| self.values.get(name).map(|value| value.origin.rank);
        if self.is_set(other) && rank(name) > rank(other) {
            self.values.remove(name);
        }
    }

    /// Removes `name` unless it is on the command line.
    pub fn drop_weak(&mut self, name: &str) {
        if self
            .get(name)
            .is_some_and(|value| value.origin.rank > SourceRank::Line)
        {
            self.values.remove(name);
        }
    }

    /// The setting from a source stronger than `rank` that a flag contradicts.
    pub(super) fn contradicted(
        &self,
        scope: &Command,
        flag: &SettingFlag<'_>,
        rank: SourceRank,
    ) -> Option<(String, SettingOrigin)> {
        flag::all(scope).find_map(|other| {
            let name = other.name();
            let origin = self.origin(&name).filter(|origin| origin.rank < rank)?;
            let contradicts = self.is_set(&name) && exclude(scope, flag.arg(), other.arg());
            contradicts.then(|| (name, origin.clone()))
        })
    }

    /// The settings from other sources, as words of a command line.
    pub(super) fn weak_arguments(&self) -> Vec<OsString> {
        let weak = self
            .values
            .iter()
            .filter(|(_, value)| value.origin.rank > SourceRank::Line);
        weak.flat_map(|(name, value)| arguments(name, &value.given))
            .collect()
    }
}

/// A setting as words of a command line.
pub(super) fn arguments(name: &str, given: &SettingState) -> Vec<OsString> {
    let flag = format!("--{}", name.replace('_', "-"));
    match given {
        SettingState::Off => Vec::new(),
        SettingState::On(times) => vec![flag.into(); usize::from(*times)],
        SettingState::Values(values) => {
            let word = |value: &OsString| {
                let mut word = OsString::from(format!("{flag}="));
                word.push(value);
                word
            };
            values.iter().map(word).collect()
        }
    }
}

/// Whether two flags exclude each other.
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
