//! `doctor`: whether this machine can be a client: OpenCV, cameras, display, network, a worker.

mod machine;
mod worker;

use std::io::Write;

use anyhow::{Context, Result};
use cli::ExitStatus;
use cli::doctor::{self, CheckReport};

use crate::command_line::subcommand::DoctorArgs;
use crate::command_line::trust_args::ClientTrust;

/// Prints every check. Fails where something fails that a stream needs.
pub(crate) fn run(args: &DoctorArgs) -> Result<ExitStatus> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let mut report = CheckReport::to_stdout();
    doctor::system(&mut report, "sleap-stream", cli::program_info::VERSION);
    machine::opencv(&mut report);
    machine::cameras(&mut report, args.webcam);
    machine::display(&mut report);
    doctor::network(&mut report);
    let id = match args.room.id() {
        Ok(id) => id,
        Err(error) => {
            report.fail("room", cli::in_lines(error.as_ref()), "");
            worker::servers(&mut report, &runtime, &args.link, None);
            return Ok(report.exit());
        }
    };
    let trust = trust(&mut report, args, id.as_deref());
    if let Some(id) = &id {
        worker::room(&mut report, &runtime, args, id);
    } else if let Some(trust) = trust {
        let signal = trust.signal.as_deref().unwrap_or(&args.signal);
        let worker_id = trust.worker_id.as_deref().or(args.worker_id.as_deref());
        worker::signaling(&mut report, &runtime, signal, worker_id);
    }
    worker::servers(&mut report, &runtime, &args.link, id.as_deref());
    runtime.shutdown_background();
    Ok(report.exit())
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
