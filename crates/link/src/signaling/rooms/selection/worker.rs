use std::fmt;

use serde_json::Value;

use crate::signaling::WorkerLoad;
use crate::signaling::rooms::service::{GPU_MEMORY, LOAD, WorkerService};
use crate::signaling::rooms::{RoomRole, short};

/// A worker of a room, as it describes itself. Its texts are short, and may hold any character.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomWorker {
    /// The id that it is reached under.
    pub peer_id: String,
    /// Its name.
    pub name: String,
    /// `available`, `busy` or what else it gives.
    pub status: String,
    /// `CPU` where there is no GPU.
    pub gpu_model: String,
    /// Memory of the GPU, in MiB.
    pub gpu_memory_mb: u64,
    /// Whether it takes streams.
    pub streams: bool,
    /// Whether it predicts videos that are sent as files.
    pub files: bool,
    /// How much room it has, where it tells.
    pub load: Option<WorkerLoad>,
    /// When it entered, where the server reports it.
    pub(super) since: Option<ServerTime>,
}

/// A time as a server writes it; those of one server can be compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum ServerTime {
    /// In ms.
    Number(u64),
    /// As in ISO 8601.
    Text(String),
}

impl ServerTime {
    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self::Text(short(text))),
            value => value.as_f64().map(|it| Self::Number((it * 1e3) as u64)),
        }
    }
}

impl RoomWorker {
    pub(super) fn of(peer: &Value) -> Option<Self> {
        let peer_id = peer.get("peer_id")?.as_str()?;
        // A server may not support the filter.
        if peer
            .get("role")
            .is_some_and(|role| role != RoomRole::Worker.word())
        {
            return None;
        }
        let properties = peer.get("metadata").and_then(|it| it.get("properties"));
        let property = |key: &str| properties.and_then(|them| them.get(key));
        let text = |key: &str| property(key).and_then(Value::as_str).map(short);
        let offers = |it: WorkerService| property(it.property()) == Some(&Value::Bool(true));
        Some(Self {
            peer_id: peer_id.to_owned(),
            name: text("worker_name").unwrap_or_default(),
            // A worker without a status counts as available.
            status: text("status").unwrap_or_else(|| "available".to_owned()),
            gpu_model: text("gpu_model").unwrap_or_default(),
            // Workers of SLEAP-RTC have it under the second key, ours under the first.
            gpu_memory_mb: [GPU_MEMORY, "gpu_memory_mb"]
                .into_iter()
                .find_map(|key| property(key)?.as_u64())
                .unwrap_or(0),
            streams: offers(WorkerService::Streams),
            files: offers(WorkerService::Files),
            load: property(LOAD).and_then(WorkerLoad::of),
            since: peer.get("connected_at").and_then(ServerTime::of),
        })
    }

    pub(crate) fn offers(&self, service: WorkerService) -> bool {
        match service {
            WorkerService::Streams => self.streams,
            WorkerService::Files => self.files,
        }
    }

    pub(crate) fn is_available(&self) -> bool {
        self.status == "available"
    }

    /// Places for streams that are free; 1 where it only tells that it is available.
    pub(crate) fn free(&self) -> u32 {
        self.load.as_ref().map_or(1, |load| load.free)
    }

    pub(super) fn is_called(&self, name: &str) -> bool {
        self.peer_id == name || (!self.name.is_empty() && self.name == name)
    }
}

impl fmt::Display for RoomWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", short(&self.peer_id))?;
        if !self.name.is_empty() {
            write!(f, " ({})", self.name)?;
        }
        write!(f, ": {}", self.status)?;
        match (self.gpu_model.as_str(), self.gpu_memory_mb) {
            ("", 0) => Ok(()),
            (model, 0) => write!(f, ", {model}"),
            (model, memory) => write!(f, ", {model} {memory} MB"),
        }?;
        let Some(load) = &self.load else {
            return Ok(());
        };
        if let Some(model) = &load.model {
            write!(f, ", runs the model {}", short(model))?;
        }
        write!(f, ", {} of {} places free", load.free, load.streams)
    }
}

/// The workers among the peers that a server lists.
pub(in crate::signaling::rooms) fn workers(peers: &[Value]) -> Vec<RoomWorker> {
    peers.iter().filter_map(RoomWorker::of).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_workers_are_workers() {
        let of = |role: Value| RoomWorker::of(&json!({"peer_id": "a", "role": role}));
        assert!(of(json!("worker")).is_some());
        assert!(of(json!("client")).is_none() && of(json!(7)).is_none());
    }

    #[test]
    fn what_workers_say_of_themselves_is_not_believed_to_be_well_formed() {
        for peer in [json!(null), json!({}), json!({"peer_id": 5})] {
            assert_eq!(RoomWorker::of(&peer), None);
        }
        let bare = RoomWorker::of(&json!({"peer_id": "a\u{1b}[2J"})).unwrap();
        assert!(bare.is_available() && !bare.streams);
        assert_eq!(bare.to_string(), "a\u{1b}[2J: available");
        let ours = json!({"peer_id": "a", "metadata": {"properties": {"gpu_memory_mb": 0,
            "streaming_gpu_memory_mb": 7}}});
        assert_eq!(RoomWorker::of(&ours).unwrap().gpu_memory_mb, 7);
        let odd = json!({"peer_id": "a", "metadata": {"properties": {"streaming": "true",
            "gpu_memory_mb": -5, "status": 7, "worker_name": "x".repeat(1 << 20)}}});
        let odd = RoomWorker::of(&odd).unwrap();
        assert_eq!((odd.streams, odd.gpu_memory_mb), (false, 0));
        assert!(odd.name.ends_with("... (1048376 characters more)"));
    }
}
