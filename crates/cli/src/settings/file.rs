//! Configuration files: this program's table in a TOML file that others use too.

use std::ffi::OsString;
use std::io;
use std::path::Path;

use clap::Command;
use toml_edit::{Document, Item, Value as Toml};

use super::ProgramSettings;
use super::chosen::{SettingOrigin, SettingState, SettingValue, SourceRank};
use super::flag::{self, SettingFlag};
use super::rules;

/// The setting that SLEAP-RTC's own table can give too.
pub(super) const ROOM_SERVER: &str = "room_server";
use crate::owned_file::{self, Content, Exposure, Kind};
use crate::similar::nearest;

/// This program's table of a file.
#[derive(Debug)]
pub(super) struct SettingsFile {
    shown: String,
    rank: SourceRank,
    entries: Vec<SettingsEntry>,
    /// The server of SLEAP-RTC's own table, where that is not taken from such a file.
    pub(super) server_aside: Option<(SettingOrigin, String)>,
}

#[derive(Debug)]
struct SettingsEntry {
    key: String,
    line: usize,
    value: Item,
}

/// A file to read, and what to look for.
#[derive(Debug, Clone, Copy)]
pub(super) struct FileRequest<'a> {
    pub(super) path: &'a Path,
    /// Its name in messages.
    pub(super) shown: &'a str,
    pub(super) rank: SourceRank,
    pub(super) program: &'a ProgramSettings,
    /// Which table of SLEAP-RTC's names the server.
    pub(super) environment: &'a str,
    /// Keys are flags of this one or of one of its subcommands.
    pub(super) command: &'a Command,
}

/// Reads this program's table of a file; `None` where there is no such file. What else is in the file is
/// no matter of ours, save for the server in SLEAP-RTC's own table.
pub(super) fn read(wanted: FileRequest<'_>) -> Result<Option<SettingsFile>, String> {
    let shown = wanted.shown;
    let Some(Content { text, exposure, .. }) = content(wanted)? else {
        return Ok(None);
    };
    let line_of = |at: usize| 1 + text[..at.min(text.len())].matches('\n').count();
    let document = Document::parse(text.as_str()).map_err(|error| match &exposure {
        Some(exposure) => refusal(shown, exposure),
        None => {
            let line = line_of(error.span().map_or(0, |span| span.start));
            format!("{shown}, line {line}: {}", error.message())
        }
    })?;
    let mut file = SettingsFile {
        shown: shown.to_owned(),
        rank: wanted.rank,
        entries: Vec::new(),
        server_aside: None,
    };
    let table = wanted.program.table;
    let server = shared_server(&document, wanted.environment);
    let is_aside = wanted.rank == SourceRank::FolderFile;
    if let Some(exposure) = &exposure
        && (document.contains_key(table) || (server.is_some() && !is_aside))
    {
        return Err(refusal(shown, exposure));
    }
    if let Some(item) = document.get(table) {
        let Some(entries) = item.as_table_like() else {
            return Err(format!("{shown}: {table} is not a table: write [{table}]"));
        };
        for (key, value) in entries.iter() {
            let span = entries.key(key).and_then(toml_edit::Key::span);
            let line = line_of(span.or(value.span()).map_or(0, |span| span.start));
            file.add(key, line, value.clone(), wanted)?;
        }
    }
    if let Some(value) = server {
        let line = line_of(value.span().map_or(0, |span| span.start));
        match is_aside {
            false => file.add_shared(ROOM_SERVER, line, value.clone()),
            true => {
                let url = value.as_str().unwrap_or_default().to_owned();
                file.server_aside = Some((file.origin(line), url));
            }
        }
    }
    Ok(Some(file))
}

fn content(wanted: FileRequest<'_>) -> Result<Option<Content>, String> {
    let FileRequest { path, shown, .. } = wanted;
    // Where a file is looked for, what lies there is not the user's choice.
    let kind = match wanted.rank {
        SourceRank::NamedFile => Kind::Any,
        _ => Kind::File,
    };
    match owned_file::read(path, kind) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        // A folder that may not be looked into has none either.
        Err(_) if !path.try_exists().unwrap_or(false) => Ok(None),
        Err(error) => Err(format!("cannot read {shown}: {error}")),
    }
}

/// The whole file is refused: with a part of its settings a run would differ from what its writer meant.
fn refusal(shown: &str, exposure: &Exposure) -> String {
    let advice = exposure.advice();
    format!(
        "{shown} is not used, because {exposure}: {advice}; --no-config does without settings files"
    )
}

/// Where SLEAP-RTC's own programs find their server: the value that they read, too.
fn shared_server<'a>(document: &'a Document<&str>, environment: &str) -> Option<&'a Item> {
    let environments = document.get("environments")?.as_table_like()?;
    let chosen = environments.get(environment)?.as_table_like()?;
    chosen.get("signaling_websocket")
}

impl SettingsFile {
    /// Adds the value of another program's table, unless this program's own table has one.
    fn add_shared(&mut self, key: &str, line: usize, value: Item) {
        let key = key.to_owned();
        if !self
            .entries
            .iter()
            .any(|entry| entry.key.replace('-', "_") == key)
        {
            self.entries.push(SettingsEntry { key, line, value });
        }
    }

    fn origin(&self, line: usize) -> SettingOrigin {
        SettingOrigin::new(self.rank, format!("{}, line {line}", self.shown))
    }

    fn add(
        &mut self,
        key: &str,
        line: usize,
        value: Item,
        wanted: FileRequest<'_>,
    ) -> Result<(), String> {
        let place = self.origin(line);
        let command = wanted.command;
        let commands = || std::iter::once(command).chain(command.get_subcommands());
        let Some(flag) = commands()
            .flat_map(flag::all)
            .find(|flag| flag.is_called(key))
        else {
            let names = commands().flat_map(flag::all).map(|flag| flag.name());
            let hint = match nearest(&key.replace('-', "_"), names) {
                Some(name) => format!("; did you mean {name}?"),
                None => " (its settings are the long options of --help)".to_owned(),
            };
            let table = wanted.program.table;
            return Err(format!("{place}: [{table}] has no setting {key}{hint}"));
        };
        if self.rank == SourceRank::FolderFile {
            rules::may_say(wanted.program.rules, &flag.name(), wanted.shown)
                .map_err(|reason| format!("{place}: {key} {reason}"))?;
        }
        let same = |entry: &SettingsEntry| entry.key.replace('_', "-") == key.replace('_', "-");
        if let Some(first) = self.entries.iter().find(|entry| same(entry)) {
            return Err(format!("{place}: {key} stands in line {} too", first.line));
        }
        let key = key.to_owned();
        self.entries.push(SettingsEntry { key, line, value });
        Ok(())
    }

    /// The value that the file gives a flag. No shell expands `~/` in a file, so it is expanded here.
    pub(super) fn value(
        &self,
        flag: &SettingFlag<'_>,
        home: Option<&Path>,
    ) -> Result<Option<SettingValue>, String> {
        let Some(entry) = self.entries.iter().find(|entry| flag.is_called(&entry.key)) else {
            return Ok(None);
        };
        let origin = self.origin(entry.line);
        let given = match given(flag, &entry.value) {
            Ok(SettingState::Values(values)) => {
                let expand = |value| expanded(value, home);
                SettingState::Values(values.into_iter().map(expand).collect())
            }
            Ok(given) => given,
            Err(reason) => return Err(format!("{origin}: {} {reason}", entry.key)),
        };
        Ok(Some(SettingValue { given, origin }))
    }
}

fn expanded(value: OsString, home: Option<&Path>) -> OsString {
    let below = value.to_str().and_then(|text| text.strip_prefix("~/"));
    match (below, home) {
        (Some(below), Some(home)) => home.join(below).into_os_string(),
        _ => value,
    }
}

fn given(flag: &SettingFlag<'_>, item: &Item) -> Result<SettingState, String> {
    let Item::Value(value) = item else {
        return Err("is a table, and should be a value".to_owned());
    };
    match value {
        Toml::Boolean(on) if !on.value() => Ok(SettingState::Off),
        Toml::Boolean(_) if flag.is_switch() || flag.value_is_optional() => Ok(SettingState::On(1)),
        Toml::Boolean(_) => Err("needs a value".to_owned()),
        _ if flag.is_switch() => Err("is true or false".to_owned()),
        Toml::Integer(times) if flag.is_count() => match u8::try_from(*times.value()) {
            Ok(times) => Ok(SettingState::On(times)),
            Err(_) => Err("is a number from 0 to 255".to_owned()),
        },
        _ if flag.is_count() => Err("is a number".to_owned()),
        Toml::Array(values) if flag.is_list() => {
            let texts: Option<Vec<OsString>> = values.iter().map(text).collect();
            texts
                .map(SettingState::Values)
                .ok_or_else(|| "is a list of texts and numbers".to_owned())
        }
        Toml::Array(_) => Err("takes one value, not a list".to_owned()),
        value => match text(value) {
            Some(text) => Ok(SettingState::Values(vec![text])),
            None => Err("is a text or a number".to_owned()),
        },
    }
}

fn text(value: &Toml) -> Option<OsString> {
    match value {
        Toml::String(text) => Some(text.value().into()),
        Toml::Integer(number) => Some(number.value().to_string().into()),
        Toml::Float(number) => Some(number.value().to_string().into()),
        _ => None,
    }
}
