//! Why a control is not set.

use super::MenuEntry;

/// Why a control is not set.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// There is no such control.
    #[error("the camera has no control {name}{}. {}", did_you_mean(nearest.as_deref()), present_text(present))]
    Unknown {
        /// As given.
        name: String,
        /// The most similar name.
        nearest: Option<String>,
        /// All names.
        present: Vec<String>,
    },
    /// No number.
    #[error("{name}={value}: {name} takes whole numbers from {least} to {most}")]
    NoNumber {
        /// The control.
        name: String,
        /// As given.
        value: String,
        /// The least value.
        least: i64,
        /// The greatest value.
        most: i64,
    },
    /// A number beyond the limits.
    #[error("{name}={value}: {name} takes {least} to {most}; the nearest is {nearest}")]
    Range {
        /// The control.
        name: String,
        /// As given.
        value: i64,
        /// The least value.
        least: i64,
        /// The greatest value.
        most: i64,
        /// The limit that is nearest to it.
        nearest: i64,
    },
    /// A number between two steps.
    #[error(
        "{name}={value}: {name} takes steps of {step} from {least} on; the nearest is {nearest}"
    )]
    Step {
        /// The control.
        name: String,
        /// As given.
        value: i64,
        /// The least value.
        least: i64,
        /// The distance of two values.
        step: u64,
        /// The nearest value.
        nearest: i64,
    },
    /// Neither on nor off.
    #[error("{name}={value}: {name} is on or off (1 or 0)")]
    NoBoolean {
        /// The control.
        name: String,
        /// As given.
        value: String,
    },
    /// No entry of the menu.
    #[error("{name}={value}: {name} is one of {}{}", entries_text(entries), did_you_mean(nearest.as_deref()))]
    NoEntry {
        /// The control.
        name: String,
        /// As given.
        value: String,
        /// What there is.
        entries: Vec<MenuEntry>,
        /// The entry with the most similar name.
        nearest: Option<String>,
    },
    /// It can only be read.
    #[error("{name} can only be read")]
    ReadOnly {
        /// The control.
        name: String,
    },
    /// It is a text or a list.
    #[error("{name} is neither a number nor a choice: `v4l2-ctl` sets it")]
    Unsettable {
        /// The control.
        name: String,
    },
    /// Another control sets it.
    #[error(
        "{name} has no effect now: the camera sets it itself{}",
        automatic_text(automatic)
    )]
    Inactive {
        /// The control.
        name: String,
        /// The controls that may set it, with their values.
        automatic: Vec<String>,
    },
    /// The driver refused it.
    #[error("{name}={value}: the driver refused it: {reason}")]
    Refused {
        /// The control.
        name: String,
        /// What was to be set.
        value: i64,
        /// The system's error.
        reason: String,
    },
}

fn did_you_mean(nearest: Option<&str>) -> String {
    nearest.map_or_else(String::new, |nearest| format!(" (is {nearest:?} meant?)"))
}

fn present_text(present: &[String]) -> String {
    match present {
        [] => "Its driver has no controls".to_owned(),
        _ => format!(
            "It has {} (`sleap-stream cameras --controls` shows their values)",
            present.join(", ")
        ),
    }
}

fn entries_text(entries: &[MenuEntry]) -> String {
    let entry = |entry: &MenuEntry| format!("{} ({})", entry.value, entry.name);
    entries.iter().map(entry).collect::<Vec<_>>().join(", ")
}

fn automatic_text(automatic: &[String]) -> String {
    match automatic {
        [] => String::new(),
        _ => format!(". Switch that off first: it has {}", automatic.join(", ")),
    }
}
