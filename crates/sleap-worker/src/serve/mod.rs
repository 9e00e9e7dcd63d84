//! The worker from start to end: bind the addresses, load the model, serve clients.

mod clients;
mod listeners;
mod load;
mod outputs;
mod start;

use std::net::SocketAddr;

use anyhow::Result;
use cli::{ExitStatus, Interrupt, terminal};
use vision::frame_window::WindowHandle;

use crate::command_line::Args;
use listeners::Listeners;
use load::Loaded;
use outputs::Outputs;
use start::{Access, StartedWorker};

pub(crate) use load::{load_model, load_on_server};

/// Serves as a signaling server and nothing else.
pub(crate) async fn signal(listen: SocketAddr, interrupt: Interrupt) -> Result<ExitStatus> {
    let server = listeners::bind_signaling(listen).await?;
    announce(&listeners::url(&server));
    interrupt.raised().await;
    Ok(ExitStatus::Interrupted)
}

/// Where clients find a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WorkerAddress {
    /// The pairing link, with the secret that clients need; `None` in a room, and where a link cannot express the
    /// address.
    pub link: Option<String>,
    /// The signaling server, or that of the room.
    pub signal: String,
}

/// Who learns that clients can connect.
pub(crate) enum Announcer {
    /// Who started the worker in a terminal or as a service.
    Terminal,
    /// The program that the worker is in.
    Program(Box<dyn FnOnce(WorkerAddress) + Send>),
}

/// Serves clients until interrupted.
pub(crate) async fn worker(
    args: Args,
    window: Option<WindowHandle>,
    interrupt: Interrupt,
    announcer: Announcer,
) -> Result<ExitStatus> {
    let is_program = matches!(announcer, Announcer::Program(_));
    let decided = Access::decide(&args)
        .and_then(|access| Ok((access, args.rules.loaded(args.max_streams() > 1)?)));
    let (access, rules) = match decided {
        Ok(decided) => decided,
        Err(error) if is_program => return Err(error),
        Err(error) => {
            cli::say_error(&error);
            return Ok(ExitStatus::Usage);
        }
    };
    let is_in_room = access.room.is_some();
    let listeners = Listeners::bind(&args, access.room.as_ref()).await?;
    // Other workers can have the name when this function has ended.
    let name = Access::claim_name(&args)?;
    let config = access.peer_config(&args, &listeners, name.as_ref());
    let outputs = Outputs::open(&args, window, &config.channel.limits)?;
    let loaded = tokio::select! {
        loaded = Loaded::load(&args, rules) => loaded?,
        () = ended_early(&interrupt) => return Ok(ExitStatus::Interrupted),
    };
    let Listeners {
        embedded,
        page,
        metrics,
        rendezvous,
    } = listeners;
    let worker = StartedWorker::start(&args, loaded, outputs, (page, metrics), &config)?;
    let acceptor = tokio::select! {
        acceptor = worker.register(&args, access.room, &rendezvous, config) => acceptor?,
        () = ended_early(&interrupt) => return Ok(ExitStatus::Interrupted),
    };
    let listen = embedded
        .as_ref()
        .map_or(args.listen, |server| server.local_addr());
    let (trust, signal) = (access.trust, args.signal.as_deref());
    match announcer {
        Announcer::Terminal => {
            announce(&rendezvous);
            trust.announce(listen, signal, acceptor.id());
        }
        Announcer::Program(tell) => tell(WorkerAddress {
            link: match is_in_room {
                true => None,
                false => trust.link(listen, signal, acceptor.id()),
            },
            signal: rendezvous,
        }),
    }
    worker.announce(trust.may_tell())?;
    worker
        .run(acceptor, interrupt, args.drain.drain_timeout, is_program)
        .await
}

/// Resolves once the worker is to end, at a time when it has no stream that could go on.
async fn ended_early(interrupt: &Interrupt) {
    tokio::select! {
        () = interrupt.raised() => {}
        () = interrupt.drain_asked() => {}
    }
}

/// Prints, for people and scripts, that clients can connect now.
fn announce(url: &str) {
    terminal::tell(format_args!("ready: {url}"));
}
