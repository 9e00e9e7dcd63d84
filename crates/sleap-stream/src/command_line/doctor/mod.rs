//! `doctor`: whether this machine can be a client: OpenCV, cameras, display, network, a worker that takes it.

mod genicam;
mod handshake;
mod machine;
mod worker;

use std::io::Write;

use anyhow::{Context, Result};
use cli::ExitStatus;
use cli::doctor::{self, CheckReport};
use link::PeerConfig;
use link::signaling::rooms::{SelectionRule, WorkerService};
use tokio::runtime::Runtime;

use crate::command_line::subcommand::DoctorArgs;
use crate::command_line::trust_args::ClientTrust;
use crate::connect::rendezvous::{ClientRendezvous, RoomRendezvous};
use worker::RoomWorkers;

/// The verdict where no worker was found, and none has to be there.
const NO_WORKER_YET: &str = "a client can run here; no worker is there yet";

/// Prints every check and the verdict. Fails where something fails that a stream needs. `is_detailed`:
/// with what most readers do not need.
pub(crate) fn run(mut args: DoctorArgs, is_detailed: bool) -> Result<ExitStatus> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let mut report = CheckReport::to_stdout(is_detailed);
    doctor::system(&mut report, "sleap-stream", cli::program_info::VERSION);
    machine::libraries(&mut report);
    machine::cameras(&mut report, args.webcam);
    genicam::check(&mut report);
    machine::display(&mut report);
    doctor::network(&mut report);
    if let Some(link) = args.pairing_link.take() {
        args.trust.worker = Some(link);
    }
    let ready_for = worker(&mut report, &runtime, &args);
    runtime.shutdown_background();
    Ok(report.finish(&ready_for))
}

/// Whether there is a worker, and whether it takes this client. Returns what the client is ready for.
fn worker(report: &mut CheckReport<impl Write>, runtime: &Runtime, args: &DoctorArgs) -> String {
    // A link on the command line is stronger than a room of the settings.
    let id = match args.trust.worker {
        Some(_) => Ok(None),
        None => args.room.id(),
    };
    let id = match id {
        Ok(id) => id,
        Err(error) => {
            report.fail("room", cli::in_lines(error.as_ref()), "");
            worker::servers(report, runtime, &args.link, None);
            return String::new();
        }
    };
    let trust = trust(report, args, id.as_deref());
    worker::servers(report, runtime, &args.link, id.as_deref());
    match (&id, trust) {
        (Some(id), trust) => in_room(report, runtime, args, (id, trust)),
        (None, Some(trust)) => registered(report, runtime, args, trust),
        (None, None) => String::new(),
    }
}

/// Finds the room's workers, and connects to the one that a stream would take.
fn in_room(
    report: &mut CheckReport<impl Write>,
    runtime: &Runtime,
    args: &DoctorArgs,
    (id, trust): (&str, Option<ClientTrust>),
) -> String {
    let room = match worker::room(report, runtime, args, id) {
        RoomWorkers::Unknown => return String::new(),
        RoomWorkers::None => return NO_WORKER_YET.to_owned(),
        RoomWorkers::Several => {
            return format!("room {id} has several workers; --worker-id names one to be tried");
        }
        RoomWorkers::One(room) => *room,
    };
    let peer = args.link.peer_config_in(Some(id)).ok();
    let Some((trust, peer)) = trust.zip(peer) else {
        return String::new();
    };
    let choice = SelectionRule::default();
    let (args, worker_id) = (args.room.clone(), args.worker_id.clone());
    let room = RoomRendezvous::new(args, room, choice);
    let peer = PeerConfig {
        worker_id,
        auth: trust.auth,
        ..peer
    };
    let rendezvous = ClientRendezvous::in_room(room, WorkerService::Streams, None);
    handshake::check(report, runtime, &rendezvous, peer)
}

/// Finds the worker at its signaling server and connects to it.
fn registered(
    report: &mut CheckReport<impl Write>,
    runtime: &Runtime,
    args: &DoctorArgs,
    trust: ClientTrust,
) -> String {
    let by_link = trust.signal.is_some();
    let signal = trust.signal.unwrap_or_else(|| args.signal.clone());
    let worker_id = trust.worker_id.or_else(|| args.worker_id.clone());
    let is_there = worker::signaling(report, runtime, &signal, worker_id.as_deref(), by_link);
    // What is wrong with these options has been reported with the servers.
    let peer = args.link.peer_config_in(None).ok();
    match peer.filter(|_| is_there) {
        Some(peer) => {
            let peer = PeerConfig {
                worker_id,
                auth: trust.auth,
                ..peer
            };
            let rendezvous = ClientRendezvous::at_server(signal, WorkerService::Streams, None);
            handshake::check(report, runtime, &rendezvous, peer)
        }
        None => NO_WORKER_YET.to_owned(),
    }
}

/// Where the worker is found and whether it has to prove who it is; nothing where a stream would not begin.
fn trust(
    report: &mut CheckReport<impl Write>,
    args: &DoctorArgs,
    room: Option<&str>,
) -> Option<ClientTrust> {
    const SUBJECT: &str = "worker's proof";
    let resolved = args.trust.resolve(&args.signal, room);
    let stored = resolved.as_ref().is_ok_and(|trust| trust.stored.is_some());
    let has_link = stored || args.trust.worker.is_some();
    if !has_link && !args.trust.insecure && room.is_none() {
        doctor::secret(report, &args.trust.secret, false, false);
    }
    let trust = match resolved {
        Ok(trust) => trust,
        Err(error) => {
            report.fail(SUBJECT, cli::in_lines(error.as_ref()), "");
            return None;
        }
    };
    if let (Some(name), Some(signal)) = (&trust.stored, &trust.signal) {
        report.ok("stored worker", format!("{name}, at {signal}"));
    }
    match (trust.auth.is_none(), args.trust.insecure) {
        (false, _) if has_link => report.ok(SUBJECT, "asked for, with the secret of the link"),
        (false, _) if room.is_some() => report.ok(SUBJECT, "asked for, with the room's secret"),
        (false, _) => report.ok(SUBJECT, "asked for"),
        (true, true) => report.warn(
            SUBJECT,
            "not asked for: any worker that answers gets the frames",
            "without --insecure the worker has to know the secret",
        ),
        (true, false) => report.ok(
            SUBJECT,
            "not asked for: the signaling server is on this machine",
        ),
    }
    Some(trust)
}
