//! Whether a worker can be found, and the servers on the path to it.

use std::io::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cli::LinkArgs;
use cli::doctor::CheckReport;
use link::PeerConfig;
use link::signaling::rooms::Room;
use protocol::text;
use tokio::runtime::Runtime;

use crate::command_line::subcommand::DoctorArgs;

/// Peers of a signaling server that are listed.
const MAX_LISTED: usize = 20;

/// Longest wait for the signaling server.
const SIGNALING_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether the worker is registered at its signaling server. `by_link`: it has to be, as the link that it
/// printed is there.
pub(super) fn signaling(
    report: &mut CheckReport<impl Write>,
    runtime: &Runtime,
    url: &str,
    worker_id: Option<&str>,
    by_link: bool,
) -> bool {
    let peers = runtime.block_on(link::registered_peers(url, SIGNALING_TIMEOUT));
    let peers = match peers {
        Ok(peers) => peers,
        Err(error) => {
            let advice = match by_link {
                true => {
                    "the worker of the link is not reachable: start `sleap-worker` there, or take the link that it prints now"
                }
                false => {
                    "start `sleap-worker` there, or `sleap-worker signal`; --signal URL names another server"
                }
            };
            report.fail("signaling", error.to_string(), advice);
            return false;
        }
    };
    report.ok("signaling", format!("{url} answers"));
    let listed = listed(&peers);
    match worker_id {
        Some(id) if is_registered(&peers, id) => {
            report.ok("  worker", format!("{id} is registered"));
            true
        }
        Some(id) => {
            let advice = match by_link {
                true => "start it again, and take the link that it prints now",
                false => "start it, or leave --worker-id out",
            };
            let found = format!("{id} is not registered; {listed}");
            report.fail("  worker", found, advice);
            false
        }
        None if peers.is_empty() => {
            let advice = format!(
                "start one: sleap-worker --signal {url} --model DIR, or wait for it with --wait"
            );
            match by_link {
                true => report.fail("  worker", listed, advice),
                false => report.warn("  worker", listed, advice),
            }
            false
        }
        None => {
            report.ok("  worker", listed);
            true
        }
    }
}

/// Whether a worker is registered, by its id or its name.
fn is_registered(peers: &[String], worker: &str) -> bool {
    let id = link::worker_id_of(worker);
    peers.iter().any(|peer| peer == worker || *peer == id)
}

fn listed(peers: &[String]) -> String {
    if peers.is_empty() {
        return "no worker is registered".to_owned();
    }
    let names = peers.iter().take(MAX_LISTED);
    let names = names.map(|peer| text::cut(peer, text::NAME));
    let names = names.collect::<Vec<_>>().join(", ");
    match peers.len().saturating_sub(MAX_LISTED) {
        0 => format!("registered: {names}"),
        more => format!("registered: {names} and {more} more"),
    }
}

/// The workers of a room that a stream could go to.
pub(super) enum RoomWorkers {
    /// A check failed.
    Unknown,
    None,
    /// The options name none of them.
    Several,
    /// The one of the options, or the only one of this room.
    One(Box<Room>),
}

/// Whether the room can be entered, and which workers stream there.
pub(super) fn room(
    report: &mut CheckReport<impl Write>,
    runtime: &Runtime,
    args: &DoctorArgs,
    id: &str,
) -> RoomWorkers {
    const SUBJECT: &str = "room";
    let room = match args.room.for_client(id.to_owned()) {
        Ok(room) => room,
        Err(error) => {
            report.fail("  login", cli::in_lines(error.as_ref()), "");
            return RoomWorkers::Unknown;
        }
    };
    login(report, cli::login_ends(&room));
    let mut config = PeerConfig::default();
    config.connection.connect_timeout = SIGNALING_TIMEOUT;
    let workers = match runtime.block_on(link::workers_in_room(&room, &config)) {
        Ok(workers) => workers,
        Err(error) => {
            report.fail(SUBJECT, cli::in_lines(&error), "");
            return RoomWorkers::Unknown;
        }
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
            RoomWorkers::Unknown
        }
        _ if listed.is_empty() => {
            let advice = format!(
                "start one: sleap-worker --room {id} --model DIR, or wait for it with --wait"
            );
            report.warn("  worker", "none streams there", advice);
            RoomWorkers::None
        }
        wanted => {
            let is_known = wanted.is_some() || listed.len() == 1;
            report.ok("  worker", listed);
            match is_known {
                true => RoomWorkers::One(Box::new(room)),
                false => RoomWorkers::Several,
            }
        }
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

pub(super) fn servers(
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
        return report.absent(
            SUBJECT,
            match room {
                Some(_) => "no server is given besides those that the room provides",
                None => "no server is given: enough within one network",
            },
            "",
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
