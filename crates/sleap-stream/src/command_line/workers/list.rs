//! `workers`: lists the stored workers, without their secrets, and removes them.

use anyhow::{Context, Result};
use cli::{ExitStatus, terminal};
use serde_json::json;

use super::args::{WorkersArgs, WorkersCommand};
use super::store::{StoredWorker, WorkerStore};

/// What is printed where there is none.
const NONE: &str =
    "no worker is stored: `sleap-stream pair LINK` stores the link that a worker prints";

/// Lists the stored workers, or removes some.
pub(in crate::command_line) fn run(args: &WorkersArgs) -> Result<ExitStatus> {
    let store = WorkerStore::of_user()?;
    match &args.command {
        Some(WorkersCommand::Remove { names }) => remove(&store, names),
        None => list(&store, args.json),
    }
}

fn list(store: &WorkerStore, as_json: bool) -> Result<ExitStatus> {
    let (mut workers, mut exit) = (Vec::new(), ExitStatus::Done);
    for name in store.names()? {
        match store.get(&name) {
            Ok(worker) => workers.extend(worker),
            Err(error) => {
                cli::say_error(&error.context(format!("{name} cannot be listed")));
                exit = ExitStatus::Failed;
            }
        }
    }
    if as_json {
        terminal::pass(format!("{}\n", as_objects(&workers)?).as_bytes())?;
    } else if workers.is_empty() && exit == ExitStatus::Done {
        terminal::say(NONE);
    } else {
        terminal::print(lines(&workers))?;
    }
    Ok(exit)
}

/// A line for each worker.
pub(super) fn lines(workers: &[StoredWorker]) -> Vec<String> {
    let width = workers.iter().map(|worker| worker.name.len()).max();
    let width = width.unwrap_or_default();
    let line =
        |StoredWorker { name, link }: &StoredWorker| format!("{name:<width$}  {}", link.place());
    workers.iter().map(line).collect()
}

/// The workers as a JSON list.
pub(super) fn as_objects(workers: &[StoredWorker]) -> Result<String> {
    let object = |StoredWorker { name, link }: &StoredWorker| json!({"name": name, "address": link.signal(), "worker_id": link.worker_id});
    let objects: Vec<_> = workers.iter().map(object).collect();
    let text = serde_json::to_string_pretty(&objects).context("cannot write the list")?;
    Ok(protocol::text::json_escaped(&text).into_owned())
}

fn remove(store: &WorkerStore, names: &[String]) -> Result<ExitStatus> {
    let mut exit = ExitStatus::Done;
    for name in names {
        let removed = store.remove(name);
        if removed.with_context(|| format!("cannot remove {name}"))? {
            terminal::tell(format_args!("removed {name}"));
        } else {
            terminal::say(format_args!("error: no worker is stored as {name}"));
            exit = ExitStatus::Failed;
        }
    }
    Ok(exit)
}
