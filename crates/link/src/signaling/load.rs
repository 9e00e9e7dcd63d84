//! How much room a worker has, as it tells its meeting point and as clients are told.

use serde_json::{Value, json};

/// Longest name of a model or of a device that is kept, in bytes.
const MAX_NAME_BYTES: usize = 128;
/// More streams than any worker serves at a time.
const MAX_STREAMS: u64 = 4096;

/// What a worker offers, and how much of it is free.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct WorkerLoad {
    /// Streams that it serves at a time; 0: it takes none.
    pub streams: u32,
    /// Further streams that it takes now.
    pub free: u32,
    /// Whether it runs its model over files that are sent.
    pub files: bool,
    /// The name of its model; `None` without one.
    pub model: Option<String>,
    /// Where the model runs.
    pub device: Option<String>,
}

impl WorkerLoad {
    /// The same offer with so many streams that run.
    pub fn with_running(&self, running: usize) -> Self {
        let running = u32::try_from(running).unwrap_or(u32::MAX);
        Self {
            free: self.streams.saturating_sub(running),
            ..self.clone()
        }
    }

    /// As it stands in a registration, and in the answer to a query.
    pub(crate) fn to_value(&self) -> Value {
        let mut value = json!({"streams": self.streams, "free": self.free, "files": self.files});
        let names = [("model", &self.model), ("device", &self.device)];
        for (key, name) in names {
            if let Some(name) = name {
                value[key] = kept(name).into();
            }
        }
        value
    }

    /// Reads what a peer or a server wrote; `None` where it is not to be used.
    pub(crate) fn of(value: &Value) -> Option<Self> {
        let count = |key: &str| {
            value
                .get(key)?
                .as_u64()
                .filter(|count| *count <= MAX_STREAMS)
        };
        let name = |key: &str| match value.get(key) {
            None | Some(Value::Null) => Some(None),
            Some(Value::String(name)) if name == kept(name) && !name.is_empty() => {
                Some(Some(name.clone()))
            }
            Some(_) => None,
        };
        let (streams, free) = (count("streams")?, count("free")?);
        Some(Self {
            streams: u32::try_from(streams).ok()?,
            free: u32::try_from(free.min(streams)).ok()?,
            files: value.get("files").and_then(Value::as_bool).unwrap_or(false),
            model: name("model")?,
            device: name("device")?,
        })
    }

    /// Whether it runs the model of this name.
    pub fn runs(&self, model: &str) -> bool {
        self.model.as_deref() == Some(kept(model))
    }
}

/// As much of a name as every side keeps: names are compared in this form.
fn kept(name: &str) -> &str {
    let end = name.find(char::is_control).unwrap_or(name.len());
    &name[..name.floor_char_boundary(end.min(MAX_NAME_BYTES))]
}

/// A peer that a signaling server lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedPeer {
    /// The id under which it is registered.
    pub id: String,
    /// What it offers, where it is a worker that tells.
    pub load: Option<WorkerLoad>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load() -> WorkerLoad {
        WorkerLoad {
            streams: 4,
            free: 3,
            files: true,
            model: Some("mouse".into()),
            device: Some("cuda:0".into()),
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for load in [load(), WorkerLoad::default()] {
            assert_eq!(WorkerLoad::of(&load.to_value()), Some(load));
        }
        let later = json!({"streams": 2, "free": 2, "rate": 31.5, "model": null});
        assert_eq!(WorkerLoad::of(&later).map(|load| load.free), Some(2));
    }

    #[test]
    fn what_peers_claim_is_bounded() {
        let long = "x".repeat(MAX_NAME_BYTES + 1);
        for value in [
            json!(null),
            json!([]),
            json!({"streams": 4}),
            json!({"streams": -1, "free": 0}),
            json!({"streams": 5000, "free": 1}),
            json!({"streams": 4.5, "free": 1}),
            json!({"streams": 4, "free": 1, "model": 7}),
            json!({"streams": 4, "free": 1, "model": ""}),
            json!({"streams": 4, "free": 1, "model": long}),
            json!({"streams": 4, "free": 1, "device": "a\u{1b}[2J"}),
        ] {
            assert_eq!(WorkerLoad::of(&value), None, "{value}");
        }
        let more = WorkerLoad::of(&json!({"streams": 2, "free": 9})).unwrap();
        assert_eq!(more.free, 2, "no more are free than there are");
    }

    #[test]
    fn long_names_are_compared_as_they_are_kept() {
        let name = "ä".repeat(MAX_NAME_BYTES);
        let long = WorkerLoad {
            model: Some(name.clone()),
            ..load()
        };
        let read = WorkerLoad::of(&long.to_value()).unwrap();
        assert!(read.runs(&name) && !read.runs("mouse"));
        assert_eq!(load().with_running(9).free, 0);
        assert_eq!(load().with_running(1).free, 3);
    }
}
