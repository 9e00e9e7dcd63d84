//! The places where settings stand besides the command line.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::Command;
use clap::builder::Resettable::Reset;

use super::chosen::{Chosen, Given, Origin, Rank, Value, arguments};
use super::file::{self, File};
use super::flag::{self, Flag};
use super::{Program, SettingsArgs};

/// The file of the folder where a program is started.
const LOCAL_FILE: &str = "sleap-rtc.toml";

/// The user's file, in the home folder.
const USER_FILE: &str = ".sleap-rtc/config.toml";

/// Which of its tables SLEAP-RTC reads.
const ENVIRONMENT: &str = "SLEAP_RTC_ENV";

/// What there is outside the command line.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// Environment variables.
    pub variables: BTreeMap<String, String>,
    /// The folder where the program is started.
    pub folder: PathBuf,
    /// The user's home folder.
    pub home: Option<PathBuf>,
}

impl Sources {
    /// Those of this process. Variables that are not Unicode are none of ours.
    pub fn of_process() -> Self {
        let text = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        Self {
            variables: std::env::vars_os().filter_map(text).collect(),
            folder: PathBuf::new(),
            home: std::env::home_dir().filter(|home| !home.as_os_str().is_empty()),
        }
    }

    /// A variable that has a value.
    fn variable(&self, name: &str) -> Option<&str> {
        let value = self.variables.get(name)?;
        (!value.is_empty()).then_some(value.as_str())
    }
}

/// Whether a command has settings that may stand elsewhere. Files that cannot be used are no reason
/// not to complete a command line.
pub(super) fn has_settings(command: &Command) -> bool {
    let is_text = ["completions", "man"].contains(&command.get_name());
    !is_text && flag::all(command).next().is_some()
}

/// Adds what the environment and the files say of `scope`, one of the commands of `command`.
pub(super) fn add(
    program: &Program,
    command: &Command,
    scope: &Command,
    sources: &Sources,
    config: &SettingsArgs,
    settings: &mut Chosen,
) -> Result<(), String> {
    let files = files(program, command, sources, config, settings)?;
    for flag in flag::all(scope) {
        if let Some(value) = variable(program, &flag, sources)? {
            take(settings, scope, &flag, value);
        }
    }
    for file in &files {
        for flag in flag::all(scope) {
            if let Some(value) = file.value(&flag)? {
                take(settings, scope, &flag, value);
            }
        }
    }
    (program.give_way)(settings);
    flag::all(scope).try_for_each(|flag| check(settings, &flag))
}

/// The value is chosen unless a stronger one is there, or one that it contradicts.
fn take(settings: &mut Chosen, scope: &Command, flag: &Flag<'_>, value: Value) {
    let known = settings.get(&flag.name()).is_some();
    let off = value.given == Given::Off;
    if !known && (off || !settings.contradicts(scope, flag, value.origin.rank)) {
        settings.insert(flag, value);
    }
}

fn files(
    program: &Program,
    command: &Command,
    sources: &Sources,
    config: &SettingsArgs,
    settings: &mut Chosen,
) -> Result<Vec<File>, String> {
    let name = |what: &str| format!("{}_{what}", program.prefix);
    if config.config.is_none() {
        let variable = name("NO_CONFIG");
        let none = sources
            .variable(&variable)
            .map(|text| yes_or_no(&variable, text));
        if config.no_config || none.transpose()?.unwrap_or(false) {
            return Ok(Vec::new());
        }
    }
    let named = config.config.clone();
    let named = named.or_else(|| sources.variable(&name("CONFIG")).map(PathBuf::from));
    let home = sources.home.as_deref();
    let environment = sources.variable(ENVIRONMENT).unwrap_or("production");
    let environment = environment.to_lowercase();
    let mut read = |path: &Path, shown: &str, rank| {
        let file = file::read(path, shown, rank, program.table, &environment, command)?;
        settings.files.push((shown.to_owned(), file.is_some()));
        Ok::<_, String>(file.map(|file| file.expanding_home(home)))
    };
    if let Some(path) = named {
        let shown = path.display().to_string();
        let file = read(&path, &shown, Rank::File)?;
        return match file {
            Some(file) => Ok(vec![file]),
            None => Err(format!("there is no file {shown}")),
        };
    }
    let local = read(
        &sources.folder.join(LOCAL_FILE),
        &format!("./{LOCAL_FILE}"),
        Rank::File,
    )?;
    let user = match home {
        Some(home) => read(
            &home.join(USER_FILE),
            &format!("~/{USER_FILE}"),
            Rank::UserFile,
        )?,
        None => None,
    };
    Ok(local.into_iter().chain(user).collect())
}

/// What a variable says of a flag.
fn variable(
    program: &Program,
    flag: &Flag<'_>,
    sources: &Sources,
) -> Result<Option<Value>, String> {
    let own = format!("{}_{}", program.prefix, flag.name().to_uppercase());
    let others = program.other_variables.iter();
    let others = others.filter(|(setting, _)| *setting == flag.name());
    let mut names = std::iter::once(own.as_str()).chain(others.map(|(_, variable)| *variable));
    let found = names.find_map(|name| Some((name, sources.variable(name)?)));
    let Some((name, text)) = found else {
        return Ok(None);
    };
    let given = if flag.is_switch() {
        match yes_or_no(name, text)? {
            true => Given::On(1),
            false => Given::Off,
        }
    } else if flag.is_count() {
        let times = text
            .parse()
            .map_err(|_| format!("{name} is '{text}': give a number"))?;
        Given::On(times)
    } else if flag.value_is_optional() && text == "true" {
        Given::On(1)
    } else if text == "false" {
        Given::Off
    } else if flag.is_list() {
        Given::Values(text.split(',').map(|part| part.trim().to_owned()).collect())
    } else {
        Given::Values(vec![text.to_owned()])
    };
    let origin = Origin::new(Rank::Environment, name);
    Ok(Some(Value { given, origin }))
}

fn yes_or_no(name: &str, text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "1" | "true" | "yes" | "on" => Ok(true),
        "0" | "false" | "no" | "off" => Ok(false),
        _ => Err(format!("{name} is '{text}': give true or false")),
    }
}

/// A value is checked where it stands, so that the message can name the place.
fn check(settings: &Chosen, flag: &Flag<'_>) -> Result<(), String> {
    let name = flag.name();
    let Some(value) = settings.get(&name) else {
        return Ok(());
    };
    if value.origin.rank == Rank::Line {
        return Ok(());
    }
    let alone = flag.arg().clone();
    let alone = alone.required(false).global(false).group(Reset);
    let alone = alone.conflicts_with(Reset).requires(Reset);
    let command = Command::new("setting")
        .no_binary_name(true)
        .disable_help_flag(true);
    let parsed = command
        .arg(alone)
        .try_get_matches_from(arguments(&name, &value.given));
    let Err(error) = parsed else {
        return Ok(());
    };
    let text = error.to_string();
    let reason = text.strip_prefix("error: ").unwrap_or(&text);
    let reason = reason.split("\n\n").next().unwrap_or_default().trim();
    match flag.is_secret() {
        true => Err(format!("{}: {name} cannot be used", value.origin)),
        false => Err(format!("{}: {reason}", value.origin)),
    }
}
