use super::{RoomWorker, SelectionError, SelectionRule, WorkerQuery};
use crate::signaling::rooms::short;

pub(super) type Selected = Result<RoomWorker, SelectionError>;

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
) -> Result<RoomWorker, SelectionError> {
    if let Some(worker) = offering.iter().find(|it| it.peer_id == wanted) {
        return Ok(worker.clone());
    }
    let worker = short(wanted);
    let called = offering.iter().filter(|it| it.is_called(wanted));
    let found = preferred(called.cloned().collect(), avoid);
    match (found.is_empty(), newest(&found)) {
        (true, _) => Err(SelectionError::Unknown {
            room,
            worker,
            there: offering,
        }),
        (false, Some(newest)) => Ok(newest.clone()),
        (false, None) => Err(SelectionError::Ambiguous {
            room,
            worker,
            there: found,
        }),
    }
}

/// Those that run this model.
fn running(
    offering: Vec<RoomWorker>,
    model: &str,
    wanted: WorkerQuery<'_>,
) -> Result<Vec<RoomWorker>, SelectionError> {
    let runs = |it: &RoomWorker| match &it.load {
        Some(load) => load.runs(model),
        // A client that looks for another worker compares the models itself.
        None => wanted.known.is_some(),
    };
    let (running, there): (Vec<_>, Vec<_>) = offering.into_iter().partition(runs);
    if running.is_empty() && !there.is_empty() {
        return Err(SelectionError::NoneRuns {
            room: wanted.room.to_owned(),
            model: short(model),
            there,
        });
    }
    Ok(running)
}

/// Selects among the workers that offer the service.
pub(super) fn select(
    offering: Vec<RoomWorker>,
    name: Option<&str>,
    wanted: WorkerQuery<'_>,
) -> Selected {
    let WorkerQuery { rule, avoid, .. } = wanted;
    let room = wanted.room.to_owned();
    if let Some(name) = name {
        return named(room, offering, name, avoid);
    }
    let SelectionRule {
        min_memory_mb,
        auto_select,
        most_room,
    } = rule;
    let offering = match wanted.model {
        Some(model) => running(offering, model, wanted)?,
        None => offering,
    };
    let (offering, smaller): (Vec<_>, Vec<_>) = offering
        .into_iter()
        .partition(|it| it.gpu_memory_mb >= min_memory_mb);
    if offering.is_empty() && !smaller.is_empty() {
        return Err(SelectionError::TooLittleMemory {
            room,
            min_memory_mb,
            there: smaller,
        });
    }
    let offering = preferred(offering, avoid);
    match (auto_select || most_room, offering.len()) {
        (_, 0) => Err(SelectionError::Empty { room }),
        // A busy worker reports that itself when the client connects, and the client may wait for it.
        (_, 1) => Ok(offering
            .into_iter()
            .next()
            .ok_or(SelectionError::Empty { room })?),
        (false, _) => Err(SelectionError::Several {
            room,
            there: offering,
        }),
        (true, _) => {
            let available = offering.iter().filter(|it| it.is_available());
            let least_memory = |it: &RoomWorker| u64::MAX - it.gpu_memory_mb;
            let best = available.min_by_key(|it| {
                let first = if auto_select { least_memory(it) } else { 0 };
                (first, u32::MAX - it.free(), least_memory(it), &it.peer_id)
            });
            best.cloned().ok_or(SelectionError::NoneAvailable {
                room,
                there: offering.clone(),
            })
        }
    }
}

/// As [`select`], for a client that may have been with one of them before.
pub(super) fn select_again(
    offering: Vec<RoomWorker>,
    name: Option<&str>,
    wanted: WorkerQuery<'_>,
) -> Selected {
    let mut there = offering.iter();
    let known = there.find(|it| wanted.known == Some(&it.peer_id)).cloned();
    match known {
        Some(known) if !wanted.avoid.contains(&known.peer_id) => Ok(known),
        known => match (select(offering, name, wanted), known) {
            (Err(error), Some(known)) if error.is_final() => Ok(known),
            (chosen, _) => chosen,
        },
    }
}
