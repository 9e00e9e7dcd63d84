//! `config`: the settings in effect, as a file that would give them.

use std::fmt::Write as _;

use super::Program;
use super::chosen::{Chosen, Given, Shown};

/// Where the remarks begin, in characters.
const REMARKS: usize = 44;

impl Chosen {
    /// The settings and where each comes from, as TOML. Passwords are left out.
    pub fn to_toml(&self, program: &Program) -> String {
        let mut text = format!("# command line > {}_... > file > default\n", program.prefix);
        for (file, found) in &self.files {
            let state = if *found { "read" } else { "not there" };
            // Writing to a string does not fail.
            let _ = writeln!(text, "# {file}: {state}");
        }
        let _ = writeln!(text, "\n[{}]", program.table);
        for setting in &self.shown {
            let _ = writeln!(text, "{}", self.line(setting));
        }
        text
    }

    /// What is left at its default stands in a comment: a default never contradicts anything.
    fn line(&self, setting: &Shown) -> String {
        let name = &setting.name;
        let (text, origin) = match self.get(name) {
            Some(_) if setting.is_secret => {
                (format!("# {name} is set, and not shown"), self.origin(name))
            }
            Some(value) => {
                let value = value_of(setting, &value.given).unwrap_or_else(|| "false".to_owned());
                (format!("{name} = {value}"), self.origin(name))
            }
            None => match value_of(setting, &Given::Values(setting.default.clone())) {
                Some(value) if !setting.default.is_empty() => (format!("# {name} = {value}"), None),
                _ => return format!("# {name}"),
            },
        };
        let origin = origin.map_or_else(|| "default".to_owned(), ToString::to_string);
        format!("{text:<REMARKS$} # {origin}")
    }
}

fn value_of(setting: &Shown, given: &Given) -> Option<String> {
    match given {
        Given::Off | Given::On(0) => None,
        Given::On(1) => Some("true".to_owned()),
        Given::On(times) => Some(times.to_string()),
        Given::Values(values) if setting.is_list => {
            let values: Vec<_> = values.iter().map(|value| literal(value)).collect();
            Some(format!("[{}]", values.join(", ")))
        }
        Given::Values(values) => Some(literal(values.first().map_or("", String::as_str))),
    }
}

/// A number or a text, as TOML writes it.
fn literal(value: &str) -> String {
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
        false => toml_edit::Value::from(value).to_string(),
    }
}
