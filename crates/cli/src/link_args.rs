use std::net::{IpAddr, Ipv6Addr};
use std::ops::RangeInclusive;
use std::path::PathBuf;

use anyhow::{Result, anyhow};
use clap::Args;
use link::{ConfigError, IceConfig, IceServer, InterfaceError, PeerConfig};
use tracing::warn;

use crate::ice_credentials::{self, TurnCredentials};
use crate::variable;

/// The signaling server without `--signal`: the worker's own, on this machine.
pub const DEFAULT_SIGNAL: &str = "ws://127.0.0.1:8080";

/// Credentials of TURN servers that have none of their own.
const TURN_USERNAME: &str = "SLEAP_STREAM_TURN_USERNAME";
const TURN_PASSWORD: &str = "SLEAP_STREAM_TURN_PASSWORD";

/// Options of the peer connection that both binaries take.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Between machines")]
pub struct LinkArgs {
    /// A STUN or TURN server; may be given several times.
    ///
    /// `stun:HOST:PORT`, `turn:HOST:PORT`, `turn:HOST:PORT?transport=tcp`, or `turns:HOST:PORT`
    /// for TLS. User name and password of TURN servers come from --ice-credentials or from
    /// SLEAP_STREAM_TURN_USERNAME and SLEAP_STREAM_TURN_PASSWORD; `turn:USER:PASSWORD@HOST:PORT`
    /// works too, but other users of the machine see a command line.
    #[arg(
        long = "ice-server",
        value_name = "URL",
        hide_env_values = true,
        value_delimiter = ','
    )]
    pub ice_servers: Vec<String>,

    /// A file with the credentials of the TURN servers.
    ///
    /// A line `user:password` for all of them, or one for each in their order; or a JSON list of
    /// servers (`urls`, `username`, `credential`) that are used beside those of --ice-server.
    #[arg(long, value_name = "FILE")]
    pub ice_credentials: Option<PathBuf>,

    /// Connect through TURN servers alone; the other side learns no address of this machine.
    #[arg(long)]
    pub relay_only: bool,

    /// UDP ports to use, as a firewall lets them through; a connection takes one, with --lanes one
    /// for each lane.
    #[arg(long, value_name = "FROM-TO", value_parser = port_range)]
    pub ports: Option<RangeInclusive<u16>>,

    /// Name or address of a network interface to use, instead of all; may be given several times.
    #[arg(long = "interface", value_name = "NAME|IP")]
    pub interfaces: Vec<String>,
}

impl LinkArgs {
    /// The peer connection's settings these options ask for. An error here is a usage error.
    pub fn peer_config(&self) -> Result<PeerConfig> {
        self.config(false)
    }

    /// As [`peer_config`](Self::peer_config), where a room may provide the relay that `--relay-only` needs.
    pub fn peer_config_in(&self, room: Option<&str>) -> Result<PeerConfig> {
        self.config(room.is_some())
    }

    fn config(&self, relays_are_lent: bool) -> Result<PeerConfig> {
        let mut config = PeerConfig::default();
        config.connection.ice = IceConfig {
            servers: self.servers()?,
            relay_only: self.relay_only,
        };
        config.connection.udp.ports.clone_from(&self.ports);
        let interfaces = &mut config.connection.udp.interfaces;
        interfaces.clone_from(&self.interfaces);
        match config.connection.check() {
            Ok(()) => Ok(config),
            Err(ConfigError::RelayOnly) if relays_are_lent => Ok(config),
            Err(error) => Err(with_option(error)),
        }
    }

    fn servers(&self) -> Result<Vec<IceServer>> {
        // Not parsed by clap, whose errors repeat what was given: passwords too.
        let parse = |text: &String| {
            text.parse()
                .map_err(|error| anyhow!("--ice-server: {error}"))
        };
        let mut servers: Vec<IceServer> =
            self.ice_servers.iter().map(parse).collect::<Result<_>>()?;
        if servers.iter().any(is_in_process_list) {
            warn!(
                "other users of this machine can see the password in --ice-server: give --ice-credentials FILE"
            );
        }
        if let Some(file) = &self.ice_credentials {
            match ice_credentials::read(file)? {
                TurnCredentials::Servers(more) => servers.extend(more),
                TurnCredentials::Lines(lines) => ice_credentials::assign(&mut servers, &lines)?,
            }
        }
        let (username, password) = (
            variable::text(TURN_USERNAME)?,
            variable::text(TURN_PASSWORD)?,
        );
        if let (Some(username), Some(password)) = (username, password) {
            ice_credentials::assign(&mut servers, &[(username, password)])?;
        }
        Ok(servers)
    }
}

/// The error with the option that it is about.
fn with_option(error: ConfigError) -> anyhow::Error {
    match error {
        ConfigError::Credentials { .. } => {
            anyhow!("{error}: give --ice-credentials FILE, or {TURN_USERNAME} and {TURN_PASSWORD}")
        }
        ConfigError::Interface(InterfaceError::Ports { .. }) => anyhow!("--ports: {error}"),
        ConfigError::Interface(InterfaceError::NoAddress { .. }) => error.into(),
        ConfigError::Interface(_) => anyhow!("--interface: {error}"),
        _ => error.into(),
    }
}

/// Whether this program was started with the server's password on its command line.
fn is_in_process_list(server: &IceServer) -> bool {
    let credentials = format!("{}:{}@", server.username, server.credential);
    !server.credential.is_empty()
        && std::env::args_os().any(|argument| argument.to_string_lossy().contains(&credentials))
}

/// Parses `FROM-TO`, or a single port.
fn port_range(text: &str) -> Result<RangeInclusive<u16>, String> {
    let (first, last) = text.split_once('-').unwrap_or((text, text));
    match (first.trim().parse::<u16>(), last.trim().parse::<u16>()) {
        (Ok(first), Ok(last)) if first > 0 && first <= last => Ok(first..=last),
        _ => Err("expected FROM-TO, two ports of 1 to 65535 such as 50000-50100".into()),
    }
}

/// Port of a signaling server that an address without a scheme leaves out: the worker's own.
const SIGNAL_PORT: u16 = 8080;

/// Parses the address of a signaling server: `ws://` or `wss://`. A bare `host:port` means `ws://`; a bare host has
/// the port of a worker's own server, a bare port is this machine's.
pub fn websocket_url(text: &str) -> Result<String, String> {
    let is_bare = !text.contains("://");
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return match text.parse::<u16>() {
            Ok(port) => Ok(format!("ws://127.0.0.1:{port}")),
            Err(_) => Err(format!(
                "{text} is no port from 0 to 65535: give ws://HOST:PORT"
            )),
        };
    }
    if let Some(ip) = text
        .trim_matches(['[', ']'])
        .parse::<Ipv6Addr>()
        .ok()
        .filter(|_| is_bare)
    {
        return Ok(format!("ws://[{ip}]:{SIGNAL_PORT}"));
    }
    let has_port = text.contains([':', '/']);
    match is_bare && !has_port && !text.is_empty() {
        true => with_scheme(&format!("{text}:{SIGNAL_PORT}"), "ws"),
        false => with_scheme(text, "ws"),
    }
}

/// Parses the address of a room's server: `ws://` or `wss://`; without either, `wss://`.
pub(crate) fn room_url(text: &str) -> Result<String, String> {
    with_scheme(text, "wss")
}

fn with_scheme(text: &str, usual: &str) -> Result<String, String> {
    let url = match text.split_once("://") {
        Some(("ws" | "wss", rest)) if !rest.is_empty() => text.to_owned(),
        Some((scheme, _)) => {
            return Err(format!(
                "'{scheme}://' is not a signaling address: give ws://HOST:PORT or wss://HOST"
            ));
        }
        None if text.is_empty() => {
            return Err(format!("the address is empty: give {usual}://HOST:PORT"));
        }
        None => format!("{usual}://{text}"),
    };
    Ok(url)
}

/// Whether a WebSocket address leads to this machine. It may be the end of a tunnel, which
/// the user has opened.
pub fn is_on_this_machine(url: &str) -> bool {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    let authority = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host);
    let host = match authority.strip_prefix('[') {
        Some(v6) => v6.split(']').next().unwrap_or(v6),
        None => authority.split(':').next().unwrap_or(authority),
    };
    match host.parse::<IpAddr>() {
        Ok(ip) => ip.to_canonical().is_loopback(),
        Err(_) => host.eq_ignore_ascii_case("localhost"),
    }
}

#[cfg(test)]
mod tests {
    use super::{port_range, websocket_url};

    #[test]
    fn ports_are_a_range_or_one() {
        assert_eq!(port_range("50000-50100"), Ok(50000..=50100));
        assert_eq!(port_range("50000"), Ok(50000..=50000));
        for text in ["", "-", "0-5", "9-8", "1-65536", "1-2-3", "a-b"] {
            assert!(port_range(text).is_err(), "{text}");
        }
    }

    #[test]
    fn what_an_address_lacks_is_added() {
        for (text, url) in [
            ("rig:81", "ws://rig:81"),
            ("localhost:8080", "ws://localhost:8080"),
            ("rig", "ws://rig:8080"),
            ("10.0.0.5", "ws://10.0.0.5:8080"),
            ("rig/path", "ws://rig/path"),
            ("[::1]:81", "ws://[::1]:81"),
            ("[::1]", "ws://[::1]:8080"),
            ("::1", "ws://[::1]:8080"),
            ("8080", "ws://127.0.0.1:8080"),
        ] {
            assert_eq!(websocket_url(text).unwrap(), url);
        }
        for url in ["ws://rig", "wss://rig"] {
            assert_eq!(websocket_url(url).unwrap(), url);
        }
    }

    #[test]
    fn other_schemes_and_nothing_are_refused() {
        assert!(websocket_url("http://rig").unwrap_err().contains("ws://"));
        assert!(websocket_url("").is_err());
        assert!(websocket_url("65536").unwrap_err().contains("65535"));
        assert!(websocket_url("ws://").is_err());
        assert!(websocket_url("wss://").is_err());
    }
}
