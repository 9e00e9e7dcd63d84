//! `doctor`: whether this machine can be a client: OpenCV, cameras, display, network, a worker.

use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use cli::doctor::{self, CheckReport};
use cli::{ExitStatus, LinkArgs};
use link::PeerConfig;
use protocol::text;
use tokio::runtime::Runtime;
use vision::Image;
use vision::cameras::{self, Problem};
use vision::jpeg::{Color, JpegDecoder, JpegEncoder, JpegLimits};

use crate::command_line::subcommand::DoctorArgs;
use crate::command_line::trust_args::ClientTrust;

/// Peers of a signaling server that are listed.
const MAX_LISTED: usize = 20;

/// Longest wait for the signaling server.
const SIGNALING_TIMEOUT: Duration = Duration::from_secs(5);

/// Prints every check. Fails where something fails that a stream needs.
pub(crate) fn run(args: &DoctorArgs) -> Result<ExitStatus> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let mut report = CheckReport::to_stdout();
    doctor::system(&mut report, "sleap-stream", cli::program_info::VERSION);
    opencv(&mut report);
    cameras(&mut report, args.webcam);
    display(&mut report);
    doctor::network(&mut report);
    let id = match args.room.id() {
        Ok(id) => id,
        Err(error) => {
            report.fail("room", cli::in_lines(error.as_ref()), "");
            servers(&mut report, &runtime, &args.link, None);
            return Ok(report.exit());
        }
    };
    let trust = trust(&mut report, args, id.as_deref());
    if let Some(id) = &id {
        room(&mut report, &runtime, args, id);
    } else if let Some(trust) = trust {
        let signal = trust.signal.as_deref().unwrap_or(&args.signal);
        let worker = trust.worker_id.as_deref().or(args.worker_id.as_deref());
        rendezvous(&mut report, &runtime, signal, worker);
    }
    servers(&mut report, &runtime, &args.link, id.as_deref());
    runtime.shutdown_background();
    Ok(report.exit())
}

fn opencv(report: &mut CheckReport<impl Write>) {
    let backends = vision::opencv_backends();
    let found = format!(
        "{}, opens with {}",
        vision::opencv_version(),
        backends.join(", ")
    );
    match backends.iter().any(|name| name == "FFMPEG") {
        true => report.ok("OpenCV", found),
        false => report.warn(
            "OpenCV",
            found,
            "without FFMPEG most videos cannot be read: install OpenCV's build with it (libopencv-dev)",
        ),
    }
    match jpeg_works() {
        Ok(()) => report.ok("  JPEG", "encodes and decodes"),
        Err(error) => report.fail("  JPEG", format!("{error:#}"), "build the program anew"),
    }
}

fn jpeg_works() -> Result<()> {
    let image = Image::new(16, 16, 3, vec![90; 16 * 16 * 3])?;
    let jpeg = JpegEncoder::new(80)?.encode(&image)?;
    JpegDecoder::new()?.decode(&jpeg, Color::Bgr, &JpegLimits::default())?;
    Ok(())
}

/// `needed`: the camera that has to work.
fn cameras(report: &mut CheckReport<impl Write>, needed: Option<u32>) {
    const SUBJECT: &str = "cameras";
    let cameras = cameras::list();
    if cameras.is_empty() && needed.is_none() {
        let advice = "videos and --test-pattern can be streamed; `sleap-stream cameras` says more";
        return report.warn(SUBJECT, "none was found", advice);
    }
    if let Some(index) = needed.filter(|index| cameras.iter().all(|camera| camera.index != *index))
    {
        report.fail(
            SUBJECT,
            format!("there is no camera {index}"),
            "plug it in; `sleap-stream cameras` lists those there are",
        );
    }
    for camera in &cameras {
        let subject = format!("camera {}", camera.index);
        let advice = match &camera.problem {
            None => {
                let jpeg = if camera.has_jpeg() {
                    "MJPG too"
                } else {
                    "no MJPG"
                };
                report.ok(
                    &subject,
                    format!("{}, {} modes, {jpeg}", camera.name, camera.modes.len()),
                );
                continue;
            }
            Some(Problem::Permission { .. }) => cameras::GROUP_ADVICE,
            Some(Problem::Busy { .. }) => "close that program",
            Some(Problem::Other(_)) => "unplug it and plug it in again",
        };
        let found = camera
            .problem
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        match needed == Some(camera.index) {
            true => report.fail(&subject, found, advice),
            false => report.warn(&subject, found, advice),
        }
    }
}

fn display(report: &mut CheckReport<impl Write>) {
    match vision::window::probe() {
        Ok(()) => report.ok("display", "--display can be used"),
        Err(error) => report.warn(
            "display",
            format!("--display cannot be used: {error}"),
            "without one, --snapshot FILE.png keeps the last frame with its poses",
        ),
    }
}

/// Where the worker is met and whether it has to prove who it is; nothing where a stream would not begin.
fn trust(
    report: &mut CheckReport<impl Write>,
    args: &DoctorArgs,
    room: Option<&str>,
) -> Option<ClientTrust> {
    const SUBJECT: &str = "worker's proof";
    let has_link = args.trust.worker.is_some();
    if !has_link && !args.trust.insecure && room.is_none() {
        doctor::secret(report, &args.trust.secret, false, false);
    }
    let trust = match args.trust.resolve(&args.signal, room) {
        Ok(trust) => trust,
        Err(error) => {
            report.fail(SUBJECT, cli::in_lines(error.as_ref()), "");
            return None;
        }
    };
    match (trust.auth.is_none(), args.trust.insecure) {
        (false, _) if has_link => report.ok(SUBJECT, "asked for, with the secret of the link"),
        (false, _) if room.is_some() => report.ok(SUBJECT, "asked for, with the room's secret"),
        (false, _) => report.ok(SUBJECT, "asked for"),
        (true, true) => report.warn(
            SUBJECT,
            "not asked for: whoever answers gets the frames",
            "without --insecure the worker has to know the secret",
        ),
        (true, false) => report.ok(SUBJECT, "not asked for: it is met on this machine"),
    }
    Some(trust)
}

fn rendezvous(
    report: &mut CheckReport<impl Write>,
    runtime: &Runtime,
    url: &str,
    worker_id: Option<&str>,
) {
    let peers = runtime.block_on(link::registered_peers(url, SIGNALING_TIMEOUT));
    let peers = match peers {
        Ok(peers) => peers,
        Err(error) => {
            let advice = "start `sleap-worker` there, or `sleap-worker signal`; --signal URL names another server";
            return report.fail("signaling", error.to_string(), advice);
        }
    };
    report.ok("signaling", format!("{url} answers"));
    let listed = match peers.as_slice() {
        [] => "nobody is registered".to_owned(),
        peers => {
            let names = peers
                .iter()
                .take(MAX_LISTED)
                .map(|peer| text::cut(peer, text::NAME));
            let names = names.collect::<Vec<_>>().join(", ");
            match peers.len().saturating_sub(MAX_LISTED) {
                0 => format!("registered: {names}"),
                more => format!("registered: {names} and {more} more"),
            }
        }
    };
    match worker_id {
        Some(id) if peers.iter().any(|peer| peer == id) => {
            report.ok("  worker", format!("{id} is registered"))
        }
        Some(id) => report.fail(
            "  worker",
            format!("{id} is not registered; {listed}"),
            "start it, or leave --worker-id out",
        ),
        None if peers.is_empty() => {
            let advice = format!(
                "start one: sleap-worker --signal {url} --model DIR, or wait for it with --wait"
            );
            report.warn("  worker", listed, advice);
        }
        None => report.ok("  worker", listed),
    }
}

/// Whether the room can be entered, and who streams there.
fn room(report: &mut CheckReport<impl Write>, runtime: &Runtime, args: &DoctorArgs, id: &str) {
    const SUBJECT: &str = "room";
    let room = match args.room.for_client(id.to_owned()) {
        Ok(room) => room,
        Err(error) => return report.fail("  login", cli::in_lines(error.as_ref()), ""),
    };
    login(report, cli::login_ends(&room));
    let mut config = PeerConfig::default();
    config.connection.connect_timeout = SIGNALING_TIMEOUT;
    let workers = match runtime.block_on(link::workers_in_room(&room, &config)) {
        Ok(workers) => workers,
        Err(error) => return report.fail(SUBJECT, cli::in_lines(&error), ""),
    };
    report.ok(SUBJECT, format!("{} lets into {id}", room.url));
    let streaming: Vec<_> = workers.iter().filter(|it| it.streams).collect();
    let listed: Vec<_> = streaming.iter().map(ToString::to_string).collect();
    match &args.worker_id {
        Some(wanted)
            if !streaming
                .iter()
                .any(|it| it.peer_id == *wanted || it.name == *wanted) =>
        {
            let mut found = vec![match listed.is_empty() {
                true => format!("{wanted} is not one that streams there; there is none"),
                false => format!("{wanted} is not one that streams there; there are:"),
            }];
            found.extend(listed);
            report.fail("  worker", found, "start it, or leave --worker-id out");
        }
        _ if listed.is_empty() => {
            let advice = format!(
                "start one: sleap-worker --room {id} --model DIR, or wait for it with --wait"
            );
            report.warn("  worker", "none streams there", advice);
        }
        _ => report.ok("  worker", listed),
    }
}

/// `ends`: in seconds since 1970, if that is known.
fn login(report: &mut CheckReport<impl Write>, ends: Option<u64>) {
    const SUBJECT: &str = "  login";
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |since| since.as_secs());
    match ends {
        Some(ends) if ends <= now => {
            report.fail(SUBJECT, "it has expired", "run `sleap-rtc login`");
        }
        Some(ends) => report.ok(SUBJECT, format!("ends in {} hours", (ends - now) / 3600)),
        None => report.ok(SUBJECT, "there is one"),
    }
}

fn servers(
    report: &mut CheckReport<impl Write>,
    runtime: &Runtime,
    args: &LinkArgs,
    room: Option<&str>,
) {
    const SUBJECT: &str = "STUN and TURN";
    let config = match args.peer_config_in(room) {
        Ok(config) => config.connection,
        Err(error) => return report.fail(SUBJECT, cli::in_lines(error.as_ref()), ""),
    };
    if config.ice.servers.is_empty() {
        return report.ok(
            SUBJECT,
            match room {
                Some(_) => "no server is given besides those that the room lends",
                None => "no server is given: enough within one network",
            },
        );
    }
    let failing = match runtime.block_on(link::failing_servers(&config)) {
        Ok(failing) => failing,
        Err(error) => return report.fail(SUBJECT, error.to_string(), ""),
    };
    for server in &config.ice.servers {
        let name = server.to_string();
        match failing.iter().find(|failure| failure.server == name) {
            None => report.ok(SUBJECT, format!("{name} answers")),
            Some(failure) => report.fail(
                SUBJECT,
                format!("{name}: {}", failure.fault),
                "check its address, its credentials and that its port is open, or leave it out",
            ),
        }
    }
}
