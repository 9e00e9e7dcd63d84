//! `pair`: stores a worker's link, so that no later command line has a secret.

use std::io::{BufRead, IsTerminal, stdin};

use anyhow::{Context, Result, anyhow, bail};
use cli::{ExitStatus, PairingLink, Redacted, as_plain_name, terminal};

use super::args::PairArgs;
use super::store::{StoredWorker, WorkerStore};

/// Longest line with a link that is read, in bytes.
const MAX_LINE_BYTES: u64 = 4096;
/// What the ids of workers begin with.
const ID_PREFIX: &str = "worker-";

/// What came of a link.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PairOutcome {
    /// It was stored under a new name.
    Stored,
    /// It replaces the former link of the same worker.
    Replaced,
    /// It was stored already.
    Known,
}

/// Stores the link, and prints its name and what to type next.
pub(in crate::command_line) fn run(args: &PairArgs) -> Result<ExitStatus> {
    let paired = WorkerStore::of_user().and_then(|store| {
        let (worker, outcome) = pair(&store, &text(args)?, args.name.as_deref())?;
        Ok((store, worker, outcome))
    });
    let (store, worker, outcome) = match paired {
        Ok(paired) => paired,
        Err(error) => {
            cli::say_error(&error);
            return Ok(ExitStatus::Usage);
        }
    };
    let (name, place) = (&worker.name, worker.link.place());
    terminal::tell(match outcome {
        PairOutcome::Stored => format!("stored as {name}: {place}"),
        PairOutcome::Replaced => format!("{name} has the new link: {place}"),
        PairOutcome::Known => format!("{name} was stored already: {place}"),
    });
    terminal::tell(format_args!(
        "next: sleap-stream --worker {name} --webcam 0 --jpeg-quality 80"
    ));
    if store.names()?.len() == 1 {
        terminal::tell("without --worker it is used, too, where no worker runs on this machine");
    }
    let is_seen = |link: &Redacted| link.0 != "-";
    if args.link.as_ref().is_some_and(is_seen) {
        terminal::say(
            "the shell keeps this command line with the secret in its history; `sleap-stream pair -` reads the \
             link from standard input",
        );
    }
    Ok(ExitStatus::Done)
}

/// The text that should hold a link.
fn text(args: &PairArgs) -> Result<String> {
    match &args.link {
        Some(Redacted(text)) if text != "-" => Ok(text.clone()),
        _ => {
            let input = stdin();
            if input.is_terminal() {
                terminal::say("paste the link that the worker prints, then press Enter:");
            }
            line(input.lock())
        }
    }
}

/// The first line that is not empty.
pub(super) fn line(input: impl BufRead) -> Result<String> {
    let mut input = input.take(MAX_LINE_BYTES);
    let mut line = String::new();
    while line.trim().is_empty() {
        line.clear();
        let read = input
            .read_line(&mut line)
            .context("cannot read the link from standard input")?;
        if read == 0 {
            bail!("there is no link on standard input");
        }
    }
    Ok(line)
}

/// Stores the link in a text, under this name or one that is made of it. A worker that is stored keeps its name.
pub(super) fn pair(
    store: &WorkerStore,
    text: &str,
    given: Option<&str>,
) -> Result<(StoredWorker, PairOutcome)> {
    let link = link_in(text)?;
    let name = match given {
        Some(name) => name.to_owned(),
        None => match stored_name(store, &link)? {
            Some(name) => name,
            None => name_of(&link)?,
        },
    };
    let former = store.get(&name).unwrap_or_else(|error| {
        terminal::say(format_args!("replaces what cannot be used: {error:#}"));
        None
    });
    let worker = StoredWorker { name, link };
    let outcome = match &former {
        None => PairOutcome::Stored,
        Some(former) if former.link.reveal() == worker.link.reveal() => PairOutcome::Known,
        Some(former) if is_same(&former.link, &worker.link) => PairOutcome::Replaced,
        Some(former) => bail!(
            "another worker is stored as {}: {}; give --name, or remove that one with `sleap-stream workers \
             remove {}`",
            worker.name,
            former.link.place(),
            worker.name
        ),
    };
    if outcome != PairOutcome::Known {
        store.put(&worker)?;
    }
    Ok((worker, outcome))
}

/// The link alone, or in the line that the worker prints.
fn link_in(text: &str) -> Result<PairingLink> {
    let begins = PairingLink::position_in(text);
    let begins = begins.context("there is no link sleap://HOST:PORT/#SECRET in what was given")?;
    let ends = |char: char| char.is_whitespace() || matches!(char, '\'' | '"');
    let link = text[begins..].split(ends).next().unwrap_or_default();
    let link = PairingLink::parse(link).map_err(|error| anyhow!("the link: {error}"))?;
    if link.secret.is_none() {
        bail!(
            "the link has no secret, which stands behind `#`: give the whole link that the worker prints, in \
             single quotes"
        );
    }
    Ok(link)
}

/// The name under which this worker is stored, whichever secret it had.
fn stored_name(store: &WorkerStore, link: &PairingLink) -> Result<Option<String>> {
    for name in store.names()? {
        // One that is damaged is not the one that is looked for.
        if let Ok(Some(worker)) = store.get(&name)
            && is_same(&worker.link, link)
        {
            return Ok(Some(name));
        }
    }
    Ok(None)
}

fn is_same(one: &PairingLink, other: &PairingLink) -> bool {
    (one.signal(), &one.worker_id) == (other.signal(), &other.worker_id)
}

/// A name made of a link: the worker's, or its machine's.
fn name_of(link: &PairingLink) -> Result<String> {
    let id = link.worker_id.as_deref();
    let id = id.map(|id| id.strip_prefix(ID_PREFIX).unwrap_or(id));
    let host = link.host.rsplit_once(':').map(|(host, _)| host);
    let name = id.or(host).and_then(as_plain_name);
    name.context("no name can be made of this link: give --name")
}
