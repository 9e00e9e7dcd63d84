//! The flags of a command, as settings.

use std::any::TypeId;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, ArgAction, Command};

/// A long flag that is a setting.
#[derive(Clone, Copy)]
pub(super) struct SettingFlag<'a>(&'a Arg);

/// Flags that select the settings files, and are no settings.
const NO_SETTINGS: [&str; 2] = ["config", "no-config"];

/// Parts of the names of settings whose values are never shown.
const SECRETS: [&str; 5] = ["secret", "password", "token", "api_key", "jwt"];

/// The settings of a command, in the order of its help.
pub(super) fn all(command: &Command) -> impl Iterator<Item = SettingFlag<'_>> {
    command.get_arguments().filter_map(SettingFlag::of)
}

impl<'a> SettingFlag<'a> {
    fn of(arg: &'a Arg) -> Option<Self> {
        let kinds = [
            ArgAction::Set,
            ArgAction::Append,
            ArgAction::SetTrue,
            ArgAction::Count,
        ];
        let known = |action: &ArgAction| {
            let same =
                |kind: &ArgAction| std::mem::discriminant(kind) == std::mem::discriminant(action);
            kinds.iter().any(same)
        };
        let long = arg.get_long()?;
        (known(arg.get_action()) && !NO_SETTINGS.contains(&long)).then_some(Self(arg))
    }

    pub(super) fn id(&self) -> &'a str {
        self.0.get_id().as_str()
    }

    pub(super) fn arg(&self) -> &'a Arg {
        self.0
    }

    pub(super) fn long(&self) -> &'a str {
        self.0.get_long().unwrap_or_default()
    }

    /// Its name in files and messages: the long flag, with underscores.
    pub(super) fn name(&self) -> String {
        self.long().replace('-', "_")
    }

    /// Whether a key of a file means it, in whichever spelling.
    pub(super) fn is_called(&self, key: &str) -> bool {
        let key = key.replace('_', "-");
        let aliases = self.0.get_all_aliases().unwrap_or_default();
        self.long() == key || aliases.contains(&key.as_str())
    }

    pub(super) fn is_switch(&self) -> bool {
        matches!(self.0.get_action(), ArgAction::SetTrue)
    }

    pub(super) fn is_count(&self) -> bool {
        matches!(self.0.get_action(), ArgAction::Count)
    }

    /// It can stand alone, and with a value.
    pub(super) fn value_is_optional(&self) -> bool {
        let values = self.0.get_num_args();
        !self.is_switch() && !self.is_count() && values.is_some_and(|range| range.min_values() == 0)
    }

    /// It takes several values.
    pub(super) fn is_list(&self) -> bool {
        matches!(self.0.get_action(), ArgAction::Append) || self.0.get_value_delimiter().is_some()
    }

    /// Its value is a path, which may be in any encoding.
    pub(super) fn is_path(&self) -> bool {
        self.0.get_value_parser().type_id() == TypeId::of::<PathBuf>()
    }

    /// Its value may hold a password.
    pub(super) fn is_secret(&self) -> bool {
        let name = self.name();
        let is_file = self
            .0
            .get_value_names()
            .is_some_and(|names| names.iter().any(|it| it == "FILE"));
        self.0.is_hide_env_values_set()
            || (!is_file && SECRETS.iter().any(|word| name.contains(word)))
    }

    /// Empty where nothing happens by default.
    pub(super) fn default(&self) -> Vec<String> {
        if self.is_switch() || self.is_count() {
            return Vec::new();
        }
        let values = self.0.get_default_values().iter();
        values
            .map(|value| value.to_string_lossy().into_owned())
            .collect()
    }
}

/// Lets every flag be written with underscores too, here and in all subcommands.
pub(super) fn with_underscores(command: Command) -> Command {
    let names: Vec<String> = command
        .get_subcommands()
        .map(|sub| sub.get_name().to_owned())
        .collect();
    let command = command.mut_args(|arg| {
        let others = arg.get_all_aliases().unwrap_or_default();
        let names = arg.get_long().into_iter().chain(others);
        let dashed = names.filter(|name| name.contains('-'));
        let spelled: Vec<String> = dashed.map(|name| name.replace('-', "_")).collect();
        spelled.into_iter().fold(arg, clap::Arg::alias)
    });
    names.iter().fold(command, |command, name| {
        command.mut_subcommand(name, with_underscores)
    })
}

/// Takes `--flag=true` and `--flag=false` of flags without a value, so that a command line can
/// switch off what a file switches on. Gives the line without them, and the settings that are off.
pub(super) fn take_switches(
    command: &Command,
    line: Vec<OsString>,
) -> (Vec<OsString>, Vec<String>) {
    let mut off = Vec::new();
    let mut taken = Vec::with_capacity(line.len());
    let mut rest = false;
    for word in line {
        rest |= word == "--";
        let switch = match rest {
            true => None,
            false => word.to_str().and_then(|word| switch(command, word)),
        };
        match switch {
            None => taken.push(word),
            Some((flag, on)) => {
                off.retain(|name| *name != flag.name());
                match on {
                    true => taken.push(format!("--{}", flag.long()).into()),
                    false => {
                        let spelled = |word: &OsString| {
                            word.to_str()
                                .and_then(|word| word.strip_prefix("--"))
                                .is_some_and(|key| flag.is_called(key))
                        };
                        taken.retain(|word| !spelled(word));
                        off.push(flag.name());
                    }
                }
            }
        }
    }
    (taken, off)
}

/// The flag of a word `--flag=true` or `--flag=false`.
fn switch<'a>(command: &'a Command, word: &str) -> Option<(SettingFlag<'a>, bool)> {
    let (key, value) = word.strip_prefix("--")?.split_once('=')?;
    let on = match value {
        "true" => true,
        "false" => false,
        _ => return None,
    };
    let commands = std::iter::once(command).chain(command.get_subcommands());
    let flag = commands
        .flat_map(all)
        .find(|flag| flag.is_switch() && flag.is_called(key))?;
    Some((flag, on))
}
