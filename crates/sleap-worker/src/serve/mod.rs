//! The worker from start to end: bind the addresses, load the model, serve clients.

mod clients;
mod listeners;
mod load;
mod start;

use std::net::SocketAddr;

use anyhow::{Context, Result};
use cli::{ExitStatus, Interrupt, terminal};
use link::Acceptor;
use vision::frame_window::WindowHandle;

use crate::command_line::Args;
use crate::files::UploadStore;
use crate::{service_manager, status_line};
use clients::serve_clients;
use listeners::Listeners;
use load::Loaded;
use start::{Access, OutputFiles, StartedWorker};

/// Serves as a signaling server and nothing else.
pub(crate) async fn signal(listen: SocketAddr, interrupt: Interrupt) -> Result<ExitStatus> {
    let server = listeners::bind_signaling(listen).await?;
    announce(&listeners::url(&server));
    interrupt.raised().await;
    Ok(ExitStatus::Interrupted)
}

/// Serves clients one after the other until interrupted.
pub(crate) async fn worker(
    args: Args,
    window: Option<WindowHandle>,
    interrupt: Interrupt,
) -> Result<ExitStatus> {
    let access = match Access::decide(&args) {
        Ok(access) => access,
        Err(error) => {
            cli::say_error(&error);
            return Ok(ExitStatus::Usage);
        }
    };
    let listeners = Listeners::bind(&args, access.room.as_ref()).await?;
    let config = access.peer_config(&listeners);
    let files = OutputFiles::open(&args, &config.channel.limits)?;
    let losses = files.losses();
    let store = UploadStore::open(&args.files)?;
    let loaded = tokio::select! {
        loaded = Loaded::load(&args) => loaded?,
        () = ended_early(&interrupt) => return Ok(ExitStatus::Interrupted),
    };
    let (embedded, rendezvous) = (listeners.embedded, listeners.rendezvous);
    let servers = (listeners.page, listeners.metrics);
    let worker = StartedWorker::start(&args, loaded, window, files, store, servers, &config)?;
    let sweeper = worker.context.files.sweep();

    let entering = async {
        let context = &worker.context;
        match access.room {
            Some(room) => {
                let takes_files = context.files.takes_files();
                let profile = args
                    .room
                    .profile(&context.ack, context.takes_streams, takes_files);
                Acceptor::join(room, profile.await, context.current.busy(), config).await
            }
            None => Acceptor::register(&rendezvous, config).await,
        }
    };
    let acceptor = tokio::select! {
        acceptor = entering => acceptor.with_context(|| format!("cannot meet clients at {rendezvous}"))?,
        () = ended_early(&interrupt) => return Ok(ExitStatus::Interrupted),
    };
    let auth_counter = acceptor.auth_counter();
    worker.context.metrics.authentications(auth_counter);
    announce(&rendezvous);
    let listen = embedded
        .as_ref()
        .map_or(args.listen, |server| server.local_addr());
    access
        .trust
        .announce(listen, args.signal.as_deref(), acceptor.id());
    worker.announce(access.trust.may_tell())?;

    let StartedWorker {
        context,
        page,
        metrics_server: _metrics_server,
    } = worker;
    let _line = status_line::show(context.current.clone());
    service_manager::ready();
    let drain_timeout = args.drain.drain_timeout;
    let served = serve_clients(&context, acceptor, page, interrupt, drain_timeout).await;
    service_manager::stopping();
    drop(sweeper);
    let ended = served?;
    // Nothing is handed over any more: what the sinks have lost by now is all.
    let _ = context.pipeline.flush().await;
    losses.check()?;
    Ok(ended)
}

/// Resolves once the worker is to end, at a time when it has no stream that could go on.
async fn ended_early(interrupt: &Interrupt) {
    tokio::select! {
        () = interrupt.raised() => {}
        () = interrupt.drain_asked() => {}
    }
}

/// Tells people and scripts that clients can connect now.
fn announce(url: &str) {
    terminal::tell(format_args!("ready: {url}"));
}
