//! Which worker of a room a client takes.

use std::fmt;

use serde_json::{Map, Value};
use thiserror::Error;
use tokio::time::timeout;

use super::profile::GPU_MEMORY;
use super::{Role, shown, wire};
use crate::config::PeerConfig;
use crate::error::{ConnectError, SignalError};
use crate::signaling::client::Client;

/// Workers listed in a message.
const LISTED: usize = 20;

/// What a client wants of a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// Poses of a stream's frames.
    Streams,
    /// Poses of a video that is sent as a file.
    Files,
}

impl Service {
    /// The property by which a worker says that it offers it.
    pub(crate) fn property(self) -> &'static str {
        match self {
            Self::Streams => "streaming",
            Self::Files => "sleap_stream_files",
        }
    }
}

/// As what a worker does: it `streams`.
impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Streams => "streams",
            Self::Files => "predicts videos that are sent as files",
        })
    }
}

/// How the worker is chosen where its name is not given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Choice {
    /// Workers with less GPU memory, in MiB, do not count.
    pub min_memory_mb: u64,
    /// Of several the available one with the most GPU memory is taken. Otherwise a person chooses.
    pub auto_select: bool,
}

/// A worker of a room, as it describes itself. What is for people holds no control characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomWorker {
    pub peer_id: String,
    pub name: String,
    pub status: String,
    pub gpu_model: String,
    /// In MiB.
    pub gpu_memory_mb: u64,
    pub streams: bool,
    pub files: bool,
    /// When it entered, where the server says so.
    since: Option<Since>,
}

/// A time as a server writes it; those of one server can be compared.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Since {
    /// In ms.
    Number(u64),
    /// As in ISO 8601.
    Text(String),
}

impl Since {
    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self::Text(shown(text))),
            value => value.as_f64().map(|it| Self::Number((it * 1e3) as u64)),
        }
    }
}

impl RoomWorker {
    fn of(peer: &Value) -> Option<Self> {
        let peer_id = peer.get("peer_id")?.as_str()?;
        // A server may not know the filter.
        if peer
            .get("role")
            .is_some_and(|role| role != Role::Worker.word())
        {
            return None;
        }
        let properties = peer.get("metadata").and_then(|it| it.get("properties"));
        let property = |key: &str| properties.and_then(|them| them.get(key));
        let text = |key: &str| property(key).and_then(Value::as_str).map(shown);
        let offers = |it: Service| property(it.property()) == Some(&Value::Bool(true));
        Some(Self {
            peer_id: peer_id.to_owned(),
            name: text("worker_name").unwrap_or_default(),
            // Who does not say otherwise may be asked.
            status: text("status").unwrap_or_else(|| "available".to_owned()),
            gpu_model: text("gpu_model").unwrap_or_default(),
            // Where workers of SLEAP-RTC say it, ours say nothing.
            gpu_memory_mb: [GPU_MEMORY, "gpu_memory_mb"]
                .into_iter()
                .find_map(|key| property(key)?.as_u64())
                .unwrap_or(0),
            streams: offers(Service::Streams),
            files: offers(Service::Files),
            since: peer.get("connected_at").and_then(Since::of),
        })
    }

    fn offers(&self, service: Service) -> bool {
        match service {
            Service::Streams => self.streams,
            Service::Files => self.files,
        }
    }

    fn is_available(&self) -> bool {
        self.status == "available"
    }

    fn is_called(&self, name: &str) -> bool {
        self.peer_id == name || (!self.name.is_empty() && self.name == name)
    }
}

impl fmt::Display for RoomWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", shown(&self.peer_id))?;
        if !self.name.is_empty() {
            write!(f, " ({})", self.name)?;
        }
        write!(f, ": {}", self.status)?;
        match (self.gpu_model.as_str(), self.gpu_memory_mb) {
            ("", 0) => Ok(()),
            (model, 0) => write!(f, ", {model}"),
            (model, memory) => write!(f, ", {model} {memory} MB"),
        }
    }
}

/// No worker of a room was chosen.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ChoiceError {
    #[error("no worker is in the room {room}; start one there (sleap-worker --room {room})")]
    Empty { room: String },
    #[error(
        "no worker in the room {room} {service}: those there are left alone{}", listed(.others)
    )]
    NoneOffers {
        room: String,
        service: Service,
        others: Vec<RoomWorker>,
    },
    #[error("the worker {worker} in the room {room} is not one that {service}, and is left alone")]
    DoesNotOffer {
        room: String,
        worker: String,
        service: Service,
    },
    #[error("no worker in the room {room} is called {worker}{}", listed(.there))]
    Unknown {
        room: String,
        worker: String,
        there: Vec<RoomWorker>,
    },
    #[error(
        "{} workers are in the room {room}: choose one with --worker-id ID, or let --auto-select \
         take the available one with the most GPU memory{}", .there.len(), listed(.there)
    )]
    Several {
        room: String,
        there: Vec<RoomWorker>,
    },
    #[error("{} workers in the room {room} are called {worker}: give an id{}", .there.len(), listed(.there))]
    Ambiguous {
        room: String,
        worker: String,
        there: Vec<RoomWorker>,
    },
    #[error(
        "no worker in the room {room} has {min_memory_mb} MB of GPU memory (--min-gpu-memory){}",
        listed(.there)
    )]
    TooLittleMemory {
        room: String,
        min_memory_mb: u64,
        there: Vec<RoomWorker>,
    },
    #[error("no worker in the room {room} is available{}", listed(.there))]
    NoneAvailable {
        room: String,
        there: Vec<RoomWorker>,
    },
}

impl ChoiceError {
    /// Whether somebody has to choose before trying again is of use.
    pub fn is_final(&self) -> bool {
        matches!(
            self,
            Self::Several { .. } | Self::Ambiguous { .. } | Self::DoesNotOffer { .. }
        )
    }
}

/// One line each.
fn listed(workers: &[RoomWorker]) -> String {
    let lines = workers.iter().take(LISTED);
    let mut text: String = lines.map(|worker| format!("\n  {worker}")).collect();
    if workers.len() > LISTED {
        text += &format!("\n  and {} more", workers.len() - LISTED);
    }
    text
}

/// Without those to avoid, unless there are no others.
fn preferred(workers: Vec<RoomWorker>, avoid: &[String]) -> Vec<RoomWorker> {
    let is_good = |it: &RoomWorker| !avoid.contains(&it.peer_id);
    match workers.iter().any(is_good) {
        true => workers.into_iter().filter(is_good).collect(),
        false => workers,
    }
}

/// The one that entered last: a server may list one twice that came back, and the other is not there.
fn newest(workers: &[RoomWorker]) -> Option<&RoomWorker> {
    let last = workers.iter().max_by_key(|it| it.since.as_ref())?;
    let as_new = workers.iter().filter(|it| it.since == last.since).count();
    (as_new == 1).then_some(last)
}

/// The one that is called so. An id comes before a name.
fn named(
    room: String,
    offering: Vec<RoomWorker>,
    wanted: &str,
    avoid: &[String],
) -> Result<RoomWorker, ChoiceError> {
    if let Some(worker) = offering.iter().find(|it| it.peer_id == wanted) {
        return Ok(worker.clone());
    }
    let worker = shown(wanted);
    let called = offering.iter().filter(|it| it.is_called(wanted));
    let found = preferred(called.cloned().collect(), avoid);
    match (found.is_empty(), newest(&found)) {
        (true, _) => Err(ChoiceError::Unknown {
            room,
            worker,
            there: offering,
        }),
        (false, Some(newest)) => Ok(newest.clone()),
        (false, None) => Err(ChoiceError::Ambiguous {
            room,
            worker,
            there: found,
        }),
    }
}

/// Chooses among the workers that offer what is wanted.
fn choose(offering: Vec<RoomWorker>, name: Option<&str>, wanted: Wanted<'_>) -> Chosen {
    let Wanted { choice, avoid, .. } = wanted;
    let room = wanted.room.to_owned();
    if let Some(name) = name {
        return named(room, offering, name, avoid);
    }
    let Choice {
        min_memory_mb,
        auto_select,
    } = choice;
    let (offering, smaller): (Vec<_>, Vec<_>) = offering
        .into_iter()
        .partition(|it| it.gpu_memory_mb >= min_memory_mb);
    if offering.is_empty() && !smaller.is_empty() {
        return Err(ChoiceError::TooLittleMemory {
            room,
            min_memory_mb,
            there: smaller,
        });
    }
    let offering = preferred(offering, avoid);
    match (auto_select, offering.len()) {
        (_, 0) => Err(ChoiceError::Empty { room }),
        // One that is busy says so itself, and may be waited for.
        (_, 1) => Ok(offering
            .into_iter()
            .next()
            .ok_or(ChoiceError::Empty { room })?),
        (false, _) => Err(ChoiceError::Several {
            room,
            there: offering,
        }),
        (true, _) => {
            let available = offering.iter().filter(|it| it.is_available());
            let best = available.min_by_key(|it| (u64::MAX - it.gpu_memory_mb, &it.peer_id));
            best.cloned().ok_or(ChoiceError::NoneAvailable {
                room,
                there: offering.clone(),
            })
        }
    }
}

type Chosen = Result<RoomWorker, ChoiceError>;

/// What a client wants, and of whom.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// The room's id.
    pub(crate) room: &'a str,
    pub(crate) service: Service,
    /// The worker of a former connection.
    pub(crate) known: Option<&'a str>,
    /// Workers that did not answer: others come first.
    pub(crate) avoid: &'a [String],
    pub(crate) choice: Choice,
}

/// The worker of the room to offer a connection to: the known one, if it is there, or as it is
/// chosen.
pub(crate) async fn discover(
    signal: &mut Client,
    id: &str,
    wanted: Wanted<'_>,
    config: &PeerConfig,
) -> Result<RoomWorker, ConnectError> {
    let Wanted { room, service, .. } = wanted;
    let only = [(service.property().to_owned(), Value::Bool(true))];
    let mut offering = listing(signal, id, only.into_iter().collect(), config).await?;
    // A server may not know the filter.
    offering.retain(|worker| worker.offers(service));
    if let Some(worker) = offering.iter().find(|it| wanted.known == Some(&it.peer_id)) {
        return Ok(worker.clone());
    }
    let error = match choose(offering, config.worker_id.as_deref(), wanted) {
        Ok(worker) => return Ok(worker),
        Err(error) => error,
    };
    let (name, there) = match &error {
        ChoiceError::Empty { .. } => (None, &[][..]),
        ChoiceError::Unknown { worker, there, .. } => (Some(worker), there.as_slice()),
        _ => return Err(error.into()),
    };
    // Only to say what else is there.
    let others = listing(signal, id, Map::new(), config).await?;
    let room = room.to_owned();
    Err(match name {
        Some(name)
            if others
                .iter()
                .any(|it| !it.offers(service) && it.is_called(name)) =>
        {
            ChoiceError::DoesNotOffer {
                room,
                worker: name.clone(),
                service,
            }
        }
        _ if there.is_empty() && !others.is_empty() => ChoiceError::NoneOffers {
            room,
            service,
            others,
        },
        _ => error,
    }
    .into())
}

/// The workers of the room with these properties.
pub(crate) async fn listing(
    signal: &mut Client,
    id: &str,
    properties: Map<String, Value>,
    config: &PeerConfig,
) -> Result<Vec<RoomWorker>, SignalError> {
    let wait = config.connect_timeout;
    let message = wire::discover(id, Role::Worker, properties);
    signal.send(&message).await?;
    let url = signal.url().to_owned();
    let listed = async {
        loop {
            if let Some(peers) = wire::peer_list(&signal.next_text().await?) {
                return peers;
            }
        }
    };
    let peers = match timeout(wait, listed).await {
        Ok(peers) => peers?,
        Err(_) => return Err(SignalError::Timeout { url, waited: wait }),
    };
    Ok(workers(&peers))
}

/// The workers among the peers that a server lists.
pub(super) fn workers(peers: &[Value]) -> Vec<RoomWorker> {
    peers.iter().filter_map(RoomWorker::of).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const BY_HAND: Choice = Choice {
        min_memory_mb: 0,
        auto_select: false,
    };
    const MOST_MEMORY: Choice = Choice {
        min_memory_mb: 0,
        auto_select: true,
    };

    fn worker(id: &str, status: &str, memory: u64) -> RoomWorker {
        let properties = json!({"worker_name": format!("name-{id}"), "status": status,
            "gpu_model": "A40", "gpu_memory_mb": memory, "streaming": true});
        let peer = json!({"peer_id": id, "metadata": {"properties": properties}});
        RoomWorker::of(&peer).expect("a worker")
    }

    fn choose(
        offering: Vec<RoomWorker>,
        name: Option<&str>,
        choice: Choice,
        avoid: &[&str],
    ) -> Chosen {
        let avoid: Vec<_> = avoid.iter().map(|id| (*id).to_owned()).collect();
        let wanted = Wanted {
            room: "lab",
            service: Service::Streams,
            known: None,
            avoid: &avoid,
            choice,
        };
        super::choose(offering, name, wanted)
    }

    #[test]
    fn ghosts_give_way_to_those_that_may_be_there() {
        let came = |id: &str, at: Value| {
            let properties = json!({"worker_name": "rig", "streaming": true});
            let peer = json!({"peer_id": id, "role": "worker", "connected_at": at,
                "metadata": {"properties": properties}});
            RoomWorker::of(&peer).expect("a worker")
        };
        let rig = |workers: &[RoomWorker], avoid: &[&str]| {
            choose(workers.to_vec(), Some("rig"), BY_HAND, avoid).map(|it| it.peer_id)
        };
        let times = [json!("2025-01-01T10:00:00"), json!("2025-01-01T09:00:00")];
        for [new, old] in [times, [json!(17.5), json!(17.25)], [json!(1), json!(null)]] {
            let both = [came("b", new), came("a", old)];
            assert_eq!(rig(&both, &[]).unwrap(), "b");
            assert_eq!(rig(&both, &["b"]).unwrap(), "a");
        }
        let twins = [came("a", json!(1)), came("b", json!(1))];
        assert!(matches!(
            rig(&twins, &[]),
            Err(ChoiceError::Ambiguous { .. })
        ));
        assert_eq!(rig(&twins, &["a"]).unwrap(), "b");
        // Rather one that did not answer than none.
        assert_eq!(rig(&twins[..1], &["a"]).unwrap(), "a");
        let best = |avoid: &[&str]| {
            let two = vec![worker("a", "available", 2), worker("b", "available", 1)];
            choose(two, None, MOST_MEMORY, avoid).unwrap().peer_id
        };
        assert_eq!(
            [best(&[]), best(&["a"]), best(&["a", "b"])],
            ["a", "b", "a"]
        );
    }

    #[test]
    fn only_workers_are_workers() {
        let of = |role: Value| RoomWorker::of(&json!({"peer_id": "a", "role": role}));
        assert!(of(json!("worker")).is_some());
        assert!(of(json!("client")).is_none() && of(json!(7)).is_none());
    }

    #[test]
    fn one_is_taken_and_several_are_listed() {
        let one = vec![worker("a", "busy", 1)];
        let taken = choose(one.clone(), None, BY_HAND, &[]).unwrap();
        assert_eq!(taken.peer_id, "a");
        let two = [one, vec![worker("b", "available", 2)]].concat();
        let error = choose(two.clone(), None, BY_HAND, &[]).unwrap_err();
        assert!(error.is_final());
        let text = error.to_string();
        for part in [
            "a (name-a): busy, A40 1 MB",
            "\n  b",
            "--worker-id",
            "--auto-select",
        ] {
            assert!(text.contains(part), "{text}");
        }
        for name in ["b", "name-b"] {
            let taken = choose(two.clone(), Some(name), BY_HAND, &[]).unwrap();
            assert_eq!(taken.peer_id, "b");
        }
        let error = choose(two, Some("c"), BY_HAND, &[]).unwrap_err();
        assert!(matches!(error, ChoiceError::Unknown { .. }));
        let twins = vec![worker("a", "busy", 1), worker("a", "busy", 1)];
        let error = choose(twins, Some("name-a"), BY_HAND, &[]).unwrap_err();
        assert!(matches!(error, ChoiceError::Ambiguous { .. }));
    }

    #[test]
    fn those_with_less_memory_than_asked_for_do_not_count() {
        let workers = vec![
            worker("a", "available", 8_000),
            worker("b", "busy", 24_000),
            worker("c", "available", 12_000),
        ];
        let asked = |min_memory_mb, choice| Choice {
            min_memory_mb,
            ..choice
        };
        let one = choose(workers.clone(), None, asked(20_000, BY_HAND), &[]).unwrap();
        assert_eq!(one.peer_id, "b");
        let best = choose(workers.clone(), None, asked(9_000, MOST_MEMORY), &[]).unwrap();
        assert_eq!(best.peer_id, "c");
        let error = choose(workers, None, asked(24_001, MOST_MEMORY), &[]).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("24001 MB") && text.contains("\n  b"),
            "{text}"
        );
        assert!(!error.is_final(), "one may come");
    }

    #[test]
    fn the_most_memory_counts_among_those_that_are_available() {
        let workers = vec![
            worker("a", "available", 8_000),
            worker("b", "busy", 80_000),
            worker("d", "available", 24_000),
            worker("c", "available", 24_000),
        ];
        let best = choose(workers, None, MOST_MEMORY, &[]).unwrap();
        assert_eq!(best.peer_id, "c");
        let none = vec![worker("a", "busy", 1), worker("b", "maintenance", 1)];
        let error = choose(none, None, MOST_MEMORY, &[]).unwrap_err();
        assert!(matches!(error, ChoiceError::NoneAvailable { .. }) && !error.is_final());
    }

    #[test]
    fn what_workers_say_of_themselves_is_not_believed_to_be_well_formed() {
        for peer in [json!(null), json!({}), json!({"peer_id": 5})] {
            assert_eq!(RoomWorker::of(&peer), None);
        }
        let bare = RoomWorker::of(&json!({"peer_id": "a\u{1b}[2J"})).unwrap();
        assert!(bare.is_available() && !bare.streams);
        assert_eq!(bare.to_string(), "a[2J: available");
        let ours = json!({"peer_id": "a", "metadata": {"properties": {"gpu_memory_mb": 0,
            "streaming_gpu_memory_mb": 7}}});
        assert_eq!(RoomWorker::of(&ours).unwrap().gpu_memory_mb, 7);
        let odd = json!({"peer_id": "a", "metadata": {"properties": {"streaming": "true",
            "gpu_memory_mb": -5, "status": 7, "worker_name": "\n\u{7}x"}}});
        let odd = RoomWorker::of(&odd).unwrap();
        assert_eq!(
            (odd.streams, odd.gpu_memory_mb, odd.name.as_str()),
            (false, 0, "x")
        );
    }
}
