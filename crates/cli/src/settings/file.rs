//! Configuration files: this program's table in a TOML file that others use too.

use std::io;
use std::path::Path;

use clap::Command;
use toml_edit::{Document, Item, Value as Toml};

use super::chosen::{Given, Origin, Rank, Value};
use super::flag::{self, Flag};

/// The setting that stands in a table of SLEAP-RTC's too.
const ROOM_SERVER: &str = "room_server";

/// Names that are at least so similar are suggested.
const SIMILAR: f64 = 0.8;

/// This program's table of a file.
#[derive(Debug)]
pub(super) struct File {
    shown: String,
    rank: Rank,
    entries: Vec<Entry>,
}

#[derive(Debug)]
struct Entry {
    key: String,
    line: usize,
    value: Item,
}

/// Reads the table called `table` of a file; `None` where there is no such file. `shown` is the
/// file's name in messages. Keys have to be flags of `command` or of one of its subcommands; what
/// else is in the file is no matter of ours, save for the server in SLEAP-RTC's table of `environment`.
pub(super) fn read(
    path: &Path,
    shown: &str,
    rank: Rank,
    table: &str,
    environment: &str,
    command: &Command,
) -> Result<Option<File>, String> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        // A folder that may not be looked into has none either.
        Err(_) if !path.try_exists().unwrap_or(false) => return Ok(None),
        Err(error) => return Err(format!("cannot read {shown}: {error}")),
    };
    let line_of = |at: usize| 1 + text[..at.min(text.len())].matches('\n').count();
    let document = Document::parse(text.as_str()).map_err(|error| {
        let line = line_of(error.span().map_or(0, |span| span.start));
        format!("{shown}, line {line}: {}", error.message())
    })?;
    let mut file = File {
        shown: shown.to_owned(),
        rank,
        entries: Vec::new(),
    };
    if let Some(item) = document.get(table) {
        let Some(entries) = item.as_table_like() else {
            return Err(format!("{shown}: {table} is not a table: write [{table}]"));
        };
        for (key, value) in entries.iter() {
            let span = entries.key(key).and_then(toml_edit::Key::span);
            let line = line_of(span.or(value.span()).map_or(0, |span| span.start));
            file.add(key, line, value.clone(), table, command)?;
        }
    }
    if let Some(value) = shared_server(&document, environment) {
        let line = line_of(value.span().map_or(0, |span| span.start));
        file.add_shared(ROOM_SERVER, line, value.clone());
    }
    Ok(Some(file))
}

/// Where SLEAP-RTC's own programs find their server: the value that they read, too.
fn shared_server<'a>(document: &'a Document<&str>, environment: &str) -> Option<&'a Item> {
    let environments = document.get("environments")?.as_table_like()?;
    let chosen = environments.get(environment)?.as_table_like()?;
    chosen.get("signaling_websocket")
}

impl File {
    /// Adds what another program's table says, unless this program's own says it.
    fn add_shared(&mut self, key: &str, line: usize, value: Item) {
        let key = key.to_owned();
        if !self
            .entries
            .iter()
            .any(|entry| entry.key.replace('-', "_") == key)
        {
            self.entries.push(Entry { key, line, value });
        }
    }

    fn add(
        &mut self,
        key: &str,
        line: usize,
        value: Item,
        table: &str,
        command: &Command,
    ) -> Result<(), String> {
        let place = format!("{}, line {line}", self.shown);
        let commands = || std::iter::once(command).chain(command.get_subcommands());
        if !commands()
            .flat_map(flag::all)
            .any(|flag| flag.is_called(key))
        {
            let names = commands().flat_map(flag::all).map(|flag| flag.name());
            let hint = match nearest(key, names) {
                Some(name) => format!("; did you mean {name}?"),
                None => " (its settings are the long options of --help)".to_owned(),
            };
            return Err(format!("{place}: [{table}] has no setting {key}{hint}"));
        }
        let same = |entry: &Entry| entry.key.replace('_', "-") == key.replace('_', "-");
        if let Some(first) = self.entries.iter().find(|entry| same(entry)) {
            return Err(format!("{place}: {key} stands in line {} too", first.line));
        }
        let key = key.to_owned();
        self.entries.push(Entry { key, line, value });
        Ok(())
    }

    /// What the file says of a flag.
    pub(super) fn value(&self, flag: &Flag<'_>) -> Result<Option<Value>, String> {
        let Some(entry) = self.entries.iter().find(|entry| flag.is_called(&entry.key)) else {
            return Ok(None);
        };
        let origin = Origin::new(self.rank, format!("{}, line {}", self.shown, entry.line));
        match given(flag, &entry.value) {
            Ok(given) => Ok(Some(Value { given, origin })),
            Err(reason) => Err(format!("{origin}: {} {reason}", entry.key)),
        }
    }

    /// No shell stands between a file and its reader: `~/` is the home folder.
    pub(super) fn expanding_home(mut self, home: Option<&Path>) -> Self {
        let Some(home) = home else { return self };
        let expand = |value: &mut Toml| {
            let below = value.as_str().and_then(|text| text.strip_prefix("~/"));
            if let Some(path) = below.map(|below| home.join(below)) {
                *value = path.display().to_string().into();
            }
        };
        for entry in &mut self.entries {
            match &mut entry.value {
                Item::Value(Toml::Array(values)) => values.iter_mut().for_each(expand),
                Item::Value(value) => expand(value),
                _ => {}
            }
        }
        self
    }
}

fn given(flag: &Flag<'_>, item: &Item) -> Result<Given, String> {
    let Item::Value(value) = item else {
        return Err("is a table, and should be a value".to_owned());
    };
    match value {
        Toml::Boolean(on) if !on.value() => Ok(Given::Off),
        Toml::Boolean(_) if flag.is_switch() || flag.value_is_optional() => Ok(Given::On(1)),
        Toml::Boolean(_) => Err("needs a value".to_owned()),
        _ if flag.is_switch() => Err("is true or false".to_owned()),
        Toml::Integer(times) if flag.is_count() => match u8::try_from(*times.value()) {
            Ok(times) => Ok(Given::On(times)),
            Err(_) => Err("is a number from 0 to 255".to_owned()),
        },
        _ if flag.is_count() => Err("is a number".to_owned()),
        Toml::Array(values) if flag.is_list() => {
            let texts: Option<Vec<String>> = values.iter().map(text).collect();
            texts
                .map(Given::Values)
                .ok_or_else(|| "is a list of texts and numbers".to_owned())
        }
        Toml::Array(_) => Err("takes one value, not a list".to_owned()),
        value => match text(value) {
            Some(text) => Ok(Given::Values(vec![text])),
            None => Err("is a text or a number".to_owned()),
        },
    }
}

fn text(value: &Toml) -> Option<String> {
    match value {
        Toml::String(text) => Some(text.value().clone()),
        Toml::Integer(number) => Some(number.value().to_string()),
        Toml::Float(number) => Some(number.value().to_string()),
        _ => None,
    }
}

fn nearest(key: &str, names: impl Iterator<Item = String>) -> Option<String> {
    let key = key.replace('-', "_");
    let rated = names.map(|name| (strsim::jaro_winkler(&key, &name), name));
    let best = rated.max_by(|(one, _), (other, _)| one.total_cmp(other))?;
    (best.0 >= SIMILAR).then_some(best.1)
}
