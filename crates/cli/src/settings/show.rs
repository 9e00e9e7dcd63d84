//! `config`: the settings in effect, as a file that would give them.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;

use protocol::text::one_line;

use super::ProgramSettings;
use super::chosen::{ChosenSettings, SettingState, ShownSetting};

/// Where the remarks begin, in characters.
const REMARKS: usize = 44;

impl ChosenSettings {
    /// The settings and where each comes from, as TOML. Passwords are left out.
    pub fn to_toml(&self, program: &ProgramSettings) -> String {
        let mut text = format!("# command line > {}_... > file > default\n", program.prefix);
        for file in &self.files {
            let state = if file.is_there { "read" } else { "not there" };
            // Writing to a string does not fail.
            let _ = writeln!(text, "# {}: {state}", one_line(&file.shown));
        }
        for warning in &self.warnings {
            let _ = writeln!(text, "# {}", one_line(warning));
        }
        let _ = writeln!(text, "\n[{}]", program.table);
        for setting in &self.shown {
            let _ = writeln!(text, "{}", self.line(setting));
        }
        text
    }

    /// What is left at its default stands in a comment: a default never contradicts anything.
    fn line(&self, setting: &ShownSetting) -> String {
        let name = &setting.name;
        let (text, origin) = match self.get(name) {
            Some(_) if setting.is_secret => {
                (format!("# {name} is set, and not shown"), self.origin(name))
            }
            Some(value) if !is_text(&value.given) => (
                format!("# {name} is a path that is not UTF-8"),
                self.origin(name),
            ),
            Some(value) => {
                let value = value_of(setting, &value.given).unwrap_or_else(|| "false".to_owned());
                (format!("{name} = {value}"), self.origin(name))
            }
            None => match value_of(setting, &SettingState::Values(default(setting))) {
                Some(value) if !setting.default.is_empty() => (format!("# {name} = {value}"), None),
                _ => return format!("# {name}"),
            },
        };
        let origin = origin.map_or_else(|| "default".to_owned(), ToString::to_string);
        format!("{text:<REMARKS$} # {}", one_line(&origin))
    }
}

fn default(setting: &ShownSetting) -> Vec<OsString> {
    setting.default.iter().map(OsString::from).collect()
}

fn is_text(given: &SettingState) -> bool {
    match given {
        SettingState::Values(values) => values.iter().all(|value| value.to_str().is_some()),
        SettingState::Off | SettingState::On(_) => true,
    }
}

fn value_of(setting: &ShownSetting, given: &SettingState) -> Option<String> {
    match given {
        SettingState::Off | SettingState::On(0) => None,
        SettingState::On(1) => Some("true".to_owned()),
        SettingState::On(times) => Some(times.to_string()),
        SettingState::Values(values) if setting.is_list => {
            let values: Vec<_> = values.iter().map(|value| literal(value)).collect();
            Some(format!("[{}]", values.join(", ")))
        }
        SettingState::Values(values) => {
            let first = values.first().map(OsString::as_os_str);
            Some(literal(first.unwrap_or_default()))
        }
    }
}

/// A number or a text, as TOML writes it.
fn literal(value: &OsStr) -> String {
    let value = &*value.to_string_lossy();
    let is_plain = |value: &str| {
        value
            .parse::<i64>()
            .is_ok_and(|number| number.to_string() == value)
    };
    let is_decimal = value.contains('.')
        && value
            .parse::<f64>()
            .is_ok_and(|number| number.to_string() == value);
    match is_plain(value) || is_decimal {
        true => value.to_owned(),
        false => match one_line(value) == value {
            true => toml_edit::Value::from(value).to_string(),
            false => escaped(value),
        },
    }
}

/// A text of which a terminal would not show all, in TOML's escapes.
fn escaped(value: &str) -> String {
    let mut text = String::from('"');
    for char in value.chars() {
        match char {
            '"' | '\\' => text.extend(['\\', char]),
            ' '..='~' => text.push(char),
            char => {
                // Writing to a string does not fail.
                let _ = write!(text, "\\U{:08X}", u32::from(char));
            }
        }
    }
    text.push('"');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_reads_back_and_steers_no_terminal() {
        for value in [
            "a b",
            "\x1b[31m\n\"x\\",
            "\u{9b}2J\u{202e}é",
            "日本\u{e0001}",
        ] {
            let text = literal(value.as_ref());
            assert_eq!(one_line(&text), text);
            let read: toml_edit::Value = text.parse().unwrap();
            assert_eq!(read.as_str(), Some(value));
        }
    }
}
