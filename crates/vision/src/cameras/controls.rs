//! A camera's controls by name, and the values that they take. Pure.

mod error;

pub use error::ControlError;

/// A property of a camera that can be read or set, as its driver describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// As `v4l2-ctl` prints it: `exposure_time_absolute`.
    pub name: String,
    /// Which values it takes.
    pub kind: ControlKind,
    /// What it has without being set.
    pub default: i64,
    /// What it has now; `None` where the driver does not tell.
    pub value: Option<i64>,
    /// It has no effect now, because another control sets it automatically.
    pub is_inactive: bool,
    /// It can only be read.
    pub is_read_only: bool,
    /// The driver's number for it.
    pub(crate) id: u32,
}

/// Which values a control takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ControlKind {
    /// Numbers from `least` to `most`, in steps from `least` on.
    Integer {
        /// The least value.
        least: i64,
        /// The greatest value.
        most: i64,
        /// The distance of two values; at least 1.
        step: u64,
    },
    /// On (1) or off (0).
    Boolean,
    /// One of these.
    Menu(Vec<MenuEntry>),
    /// Setting it starts an action.
    Button,
    /// Something that is not set here: a text, a list.
    Other,
}

/// An entry of a menu.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MenuEntry {
    /// Its number.
    pub value: i64,
    /// Its name: `Manual Mode`.
    pub name: String,
}

/// A control that has been set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SetControl {
    /// Its name.
    pub(crate) name: String,
    /// What was to be set.
    pub(crate) wanted: i64,
    /// What the driver reports afterwards.
    pub(crate) found: Option<i64>,
}

/// Other names of controls: those of older kernels, and short ones. The first column is used where
/// a camera has a control of exactly one of the names behind it and none of the name itself.
const ALIASES: [(&str, &[&str]); 8] = [
    ("exposure", &["exposure_time_absolute", "exposure_absolute"]),
    ("exposure_absolute", &["exposure_time_absolute"]),
    ("exposure_time_absolute", &["exposure_absolute"]),
    ("exposure_auto", &["auto_exposure"]),
    ("auto_exposure", &["exposure_auto"]),
    ("white_balance", &["white_balance_temperature"]),
    ("focus", &["focus_absolute"]),
    ("zoom", &["zoom_absolute"]),
];

/// Names that are at least so similar are proposed.
const SIMILAR: f64 = 0.8;

/// The name of a control as `v4l2-ctl` prints it: lower case, one `_` for whatever is no letter or digit.
pub(crate) fn variable_name(name: &str) -> String {
    let words = name.split(|char: char| !char.is_ascii_alphanumeric());
    let words = words.filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_").to_ascii_lowercase()
}

/// The control with this name.
///
/// # Errors
/// There is none.
pub(crate) fn find<'a>(controls: &'a [Control], name: &str) -> Result<&'a Control, ControlError> {
    let asked = name.to_ascii_lowercase().replace('-', "_");
    let named = |name: &str| controls.iter().find(|control| control.name == name);
    if let Some(control) = named(&asked) {
        return Ok(control);
    }
    let alias = ALIASES.iter().find(|(alias, _)| *alias == asked);
    if let Some(control) = alias.and_then(|(_, names)| names.iter().find_map(|name| named(name))) {
        return Ok(control);
    }
    let present: Vec<String> = controls.iter().map(|it| it.name.clone()).collect();
    Err(ControlError::Unknown {
        name: name.to_owned(),
        nearest: nearest(&asked, &present),
        present,
    })
}

fn nearest(word: &str, names: &[String]) -> Option<String> {
    let rated = names
        .iter()
        .map(|name| (strsim::jaro_winkler(word, &name.to_ascii_lowercase()), name));
    let best = rated.max_by(|(one, _), (other, _)| one.total_cmp(other))?;
    (best.0 >= SIMILAR).then(|| best.1.clone())
}

impl Control {
    /// A control that has an effect and can be set.
    pub fn new(name: &str, kind: ControlKind, default: i64, value: Option<i64>) -> Control {
        Control {
            name: name.to_owned(),
            kind,
            default,
            value,
            is_inactive: false,
            is_read_only: false,
            id: 0,
        }
    }

    /// The number that a text stands for.
    ///
    /// # Errors
    /// The control takes no such value.
    pub(crate) fn value_of(&self, text: &str) -> Result<i64, ControlError> {
        let name = || self.name.clone();
        if self.is_read_only {
            return Err(ControlError::ReadOnly { name: name() });
        }
        match &self.kind {
            &ControlKind::Integer { least, most, step } => self.integer(text, least, most, step),
            ControlKind::Boolean => match text.to_ascii_lowercase().as_str() {
                "1" | "on" | "true" | "yes" => Ok(1),
                "0" | "off" | "false" | "no" => Ok(0),
                _ => Err(ControlError::NoBoolean {
                    name: name(),
                    value: text.to_owned(),
                }),
            },
            ControlKind::Menu(entries) => entry(entries, text).ok_or_else(|| {
                let names: Vec<String> = entries.iter().map(|it| it.name.clone()).collect();
                ControlError::NoEntry {
                    name: name(),
                    value: text.to_owned(),
                    entries: entries.clone(),
                    nearest: nearest(&text.to_ascii_lowercase(), &names),
                }
            }),
            ControlKind::Button => Ok(1),
            ControlKind::Other => Err(ControlError::Unsettable { name: name() }),
        }
    }

    fn integer(&self, text: &str, least: i64, most: i64, step: u64) -> Result<i64, ControlError> {
        let name = self.name.clone();
        let Ok(value) = text.parse::<i64>() else {
            return Err(ControlError::NoNumber {
                name,
                value: text.to_owned(),
                least,
                most,
            });
        };
        if value < least || value > most {
            return Err(ControlError::Range {
                name,
                value,
                least,
                most,
                nearest: if value < least { least } else { most },
            });
        }
        let step = step.max(1);
        let (above, up) = (value.abs_diff(least), step / 2);
        if above % step == 0 {
            return Ok(value);
        }
        let steps = above.saturating_add(up) / step;
        let near = least.saturating_add_unsigned(steps.saturating_mul(step));
        let nearest = match near > most {
            true => least.saturating_add_unsigned(above / step * step),
            false => near,
        };
        Err(ControlError::Step {
            name,
            value,
            least,
            step,
            nearest,
        })
    }

    /// Whether it decides if others have an effect: those are set before numbers.
    pub(crate) fn is_switch(&self) -> bool {
        matches!(self.kind, ControlKind::Boolean | ControlKind::Menu(_))
    }

    /// Its value with the name of that: `1 (Manual Mode)`.
    pub fn value_text(&self, value: i64) -> String {
        match &self.kind {
            ControlKind::Menu(entries) => match entries.iter().find(|it| it.value == value) {
                Some(entry) => format!("{value} ({})", entry.name),
                None => value.to_string(),
            },
            ControlKind::Boolean if value == 0 => "off".to_owned(),
            ControlKind::Boolean => "on".to_owned(),
            _ => value.to_string(),
        }
    }
}

/// The entry with this number, or with this name; `_` and spaces are the same in names, and so are
/// large and small letters. The first word does where only one entry begins with it.
fn entry(entries: &[MenuEntry], text: &str) -> Option<i64> {
    if let Ok(number) = text.parse::<i64>() {
        let entry = entries.iter().find(|entry| entry.value == number);
        if let Some(entry) = entry {
            return Some(entry.value);
        }
    }
    let wanted = variable_name(text);
    let named = |entry: &&MenuEntry| variable_name(&entry.name) == wanted;
    if let Some(entry) = entries.iter().find(named) {
        return Some(entry.value);
    }
    let begins = |entry: &&MenuEntry| {
        let name = variable_name(&entry.name);
        !wanted.is_empty()
            && name
                .strip_prefix(&wanted)
                .is_some_and(|rest| rest.starts_with('_'))
    };
    let mut found = entries.iter().filter(begins);
    match (found.next(), found.next()) {
        (Some(entry), None) => Some(entry.value),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
