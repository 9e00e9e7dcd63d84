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

    fn line(&self, setting: &Shown) -> String {
        let name = &setting.name;
        let (assignment, origin) = match self.get(name) {
            Some(value) => (value_of(setting, &value.given), value.origin.to_string()),
            None if setting.default.is_empty() => (None, String::new()),
            None => {
                let default = Given::Values(setting.default.clone());
                (value_of(setting, &default), "default".to_owned())
            }
        };
        match assignment {
            Some(_) if setting.is_secret => format!(
                "{:<REMARKS$} # {origin}",
                format!("# {name} is set, and not shown")
            ),
            Some(value) => format!("{:<REMARKS$} # {origin}", format!("{name} = {value}")),
            None if origin.is_empty() => format!("# {name}"),
            None => format!("{:<REMARKS$} # {origin}", format!("{name} = false")),
        }
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
