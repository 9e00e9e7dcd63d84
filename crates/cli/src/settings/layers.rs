//! The sources of settings besides the command line.

use std::path::{Path, PathBuf};

use clap::Command;
use clap::builder::Resettable::Reset;

use super::chosen::{
    ChosenSettings, Overruled, SeenFile, SettingState, SettingValue, SourceRank, arguments,
};
use super::environment::{SettingsSources, variable, yes_or_no};
use super::file::{self, FileRequest, ROOM_SERVER, SettingsFile};
use super::flag::{self, SettingFlag};
use super::rules::USER_FILE;
use super::{ProgramSettings, SettingsArgs};

/// The file of the folder where a program is started.
const LOCAL_FILE: &str = "sleap-rtc.toml";

/// Which of its tables SLEAP-RTC reads.
const ENVIRONMENT: &str = "SLEAP_RTC_ENV";

/// Whether a command has settings that may stand elsewhere. Files that cannot be used are no reason
/// not to complete a command line.
pub(super) fn has_settings(command: &Command) -> bool {
    let is_text = ["completions", "man"].contains(&command.get_name());
    !is_text && flag::all(command).next().is_some()
}

/// Adds the settings of the environment and the files for `scope`, one of the commands of `command`.
pub(super) fn add(
    program: &ProgramSettings,
    command: &Command,
    scope: &Command,
    sources: &SettingsSources,
    config: &SettingsArgs,
    settings: &mut ChosenSettings,
) -> Result<(), String> {
    let files = files(program, command, sources, config, settings)?;
    for flag in flag::all(scope) {
        if let Some(value) = variable(program, &flag, sources)? {
            take(settings, scope, &flag, value);
        }
    }
    for file in &files {
        for flag in flag::all(scope) {
            if let Some(value) = file.value(&flag, sources.home.as_deref())? {
                take(settings, scope, &flag, value);
            }
        }
    }
    settings.has_not_overruled(program.unyielding)?;
    (program.give_way)(settings);
    for file in &files {
        if let Some((origin, url)) = &file.server_aside {
            settings.puts_aside(origin, url, default_of(scope, ROOM_SERVER))?;
        }
    }
    flag::all(scope).try_for_each(|flag| check(settings, &flag))
}

fn default_of(scope: &Command, name: &str) -> Option<String> {
    let flag = flag::all(scope).find(|flag| flag.name() == name)?;
    flag.default().into_iter().next()
}

/// The value is chosen unless a stronger one is there, or one that it contradicts.
fn take(
    settings: &mut ChosenSettings,
    scope: &Command,
    flag: &SettingFlag<'_>,
    value: SettingValue,
) {
    if settings.get(&flag.name()).is_some() {
        return;
    }
    let off = value.given == SettingState::Off;
    match settings.contradicted(scope, flag, value.origin.rank) {
        Some((by, by_origin)) if !off => settings.overruled.push(Overruled {
            name: flag.name(),
            origin: value.origin,
            by,
            by_origin,
        }),
        _ => settings.insert(flag, value),
    }
}

fn files(
    program: &ProgramSettings,
    command: &Command,
    sources: &SettingsSources,
    config: &SettingsArgs,
    settings: &mut ChosenSettings,
) -> Result<Vec<SettingsFile>, String> {
    let name = |what: &str| format!("{}_{what}", program.prefix);
    if config.config.is_none() {
        let variable = name("NO_CONFIG");
        let none = sources.text(&variable)?;
        let none = none.map(|text| yes_or_no(&variable, &text)).transpose()?;
        if config.no_config || none.unwrap_or(false) {
            settings.uses_no_file = true;
            return Ok(Vec::new());
        }
    }
    let of_variable = || sources.variable(&name("CONFIG")).map(PathBuf::from);
    let named = config.config.clone().or_else(of_variable);
    let environment = sources.text(ENVIRONMENT)?.map(|it| it.to_lowercase());
    let environment = environment.as_deref().unwrap_or("production");
    let mut read = |path: &Path, shown: &str, rank| {
        let file = file::read(FileRequest {
            path,
            shown,
            rank,
            program,
            environment,
            command,
        })?;
        settings.files.push(SeenFile {
            rank,
            shown: shown.to_owned(),
            path: path.to_owned(),
            is_there: file.is_some(),
        });
        Ok::<_, String>(file)
    };
    if let Some(path) = named {
        let shown = path.display().to_string();
        let file = read(&path, &shown, SourceRank::NamedFile)?;
        return match file {
            Some(file) => Ok(vec![file]),
            None => Err(format!("there is no file {shown}")),
        };
    }
    let local = read(
        &sources.folder.join(LOCAL_FILE),
        &format!("./{LOCAL_FILE}"),
        SourceRank::FolderFile,
    )?;
    let user = match sources.home.as_deref().map(|home| home.join(USER_FILE)) {
        Some(path) => read(&path, &format!("~/{USER_FILE}"), SourceRank::UserFile)?,
        None => None,
    };
    Ok(local.into_iter().chain(user).collect())
}

/// A value is checked with its source, so that the message can name it.
fn check(settings: &ChosenSettings, flag: &SettingFlag<'_>) -> Result<(), String> {
    let name = flag.name();
    let Some(value) = settings.get(&name) else {
        return Ok(());
    };
    if value.origin.rank == SourceRank::Line {
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
    let Err(mut error) = parsed else {
        return Ok(());
    };
    let text = crate::usage::plain(&mut error);
    let reason = text.strip_prefix("error: ").unwrap_or(&text);
    // What clap puts into further lines, the values that there are.
    let reason = reason.split("\n\n").next().unwrap_or_default().trim();
    let reason = reason.replace("\n  ", " ");
    match flag.is_secret() {
        true => Err(format!("{}: {name} cannot be used", value.origin)),
        false => Err(format!("{}: {reason}", value.origin)),
    }
}
