use std::fmt;
use std::str::FromStr;

use thiserror::Error;

const DEFAULT_PORT: u16 = 3478;
const DEFAULT_TLS_PORT: u16 = 5349;

/// What a server is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IceService {
    /// The address under which this side is seen behind a NAT.
    Stun,
    /// A relayed address: datagrams go through the server.
    Turn,
}

/// How a server is reached. Behind a TURN server, datagrams go on as UDP in every case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IceTransport {
    /// Datagrams.
    Udp,
    /// A TCP connection.
    Tcp,
    /// TLS over TCP.
    Tls,
}

/// A STUN or TURN server.
///
/// Parses from `stun:host[:port]`, `turn:host[:port][?transport=udp|tcp]` and
/// `turns:host[:port][?transport=tcp]` (TLS), RFC 7064 and 7065, with `user:password@` allowed
/// before a TURN server's host. The password may contain `:`; the last `@` ends it. Credentials
/// may also be set afterwards. Displays as the URL without credentials.
#[derive(Clone, PartialEq, Eq)]
pub struct IceServer {
    /// What it is asked for.
    pub service: IceService,
    /// How it is reached.
    pub transport: IceTransport,
    /// Host name or address, an IPv6 address without brackets.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// User name, empty for STUN.
    pub username: String,
    /// Password, empty for STUN.
    pub credential: String,
}

impl IceServer {
    /// Whether this is a TURN server and its user name or password is not known.
    pub fn lacks_credentials(&self) -> bool {
        self.service == IceService::Turn && (self.username.is_empty() || self.credential.is_empty())
    }
}

impl fmt::Display for IceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, query) = match (self.service, self.transport) {
            (IceService::Stun, _) => ("stun", ""),
            (IceService::Turn, IceTransport::Udp) => ("turn", "?transport=udp"),
            (IceService::Turn, IceTransport::Tcp) => ("turn", "?transport=tcp"),
            (IceService::Turn, IceTransport::Tls) => ("turns", "?transport=tcp"),
        };
        let (host, port) = (&self.host, self.port);
        match host.contains(':') {
            true => write!(f, "{scheme}:[{host}]:{port}{query}"),
            false => write!(f, "{scheme}:{host}:{port}{query}"),
        }
    }
}

impl fmt::Debug for IceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceServer")
            .field("url", &self.to_string())
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// Why a text is not a STUN or TURN server.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParseIceServerError {
    /// Another scheme.
    #[error("`{0}` does not begin with stun:, turn: or turns:")]
    Scheme(String),
    /// STUN over TLS.
    #[error(
        "stuns: tells nothing about UDP, which streams go over; use stun:, or turns: for a relay over TLS"
    )]
    StunOverTls,
    /// No host name.
    #[error("no host name in `{0}`")]
    Host(String),
    /// A port that is no number.
    #[error("`{0}` is not a port")]
    Port(String),
    /// A query that is not known.
    #[error("unknown option `{0}`, expected transport=udp or transport=tcp")]
    Query(String),
    /// A transport that the scheme does not have.
    #[error("`{0}` is not possible here: stun: goes over UDP, turns: over TCP")]
    Transport(String),
    /// Credentials without a colon.
    #[error("before the @ stands user:password")]
    Credentials,
}

impl FromStr for IceServer {
    type Err = ParseIceServerError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let scheme = || ParseIceServerError::Scheme(without_credentials(text).to_owned());
        let (service, default_transport, rest) = match text.split_once(':') {
            Some(("stun", rest)) => (IceService::Stun, IceTransport::Udp, rest),
            Some(("stuns", _)) => return Err(ParseIceServerError::StunOverTls),
            Some(("turn", rest)) => (IceService::Turn, IceTransport::Udp, rest),
            Some(("turns", rest)) => (IceService::Turn, IceTransport::Tls, rest),
            _ => return Err(scheme()),
        };
        let (username, credential, rest) = match rest.rsplit_once('@') {
            Some((credentials, rest)) => {
                let (username, credential) = credentials
                    .split_once(':')
                    .ok_or(ParseIceServerError::Credentials)?;
                (username, credential, rest)
            }
            None => ("", "", rest),
        };
        let (address, query) = match rest.split_once('?') {
            Some((address, query)) => (address, Some(query)),
            None => (rest, None),
        };
        let (host, port) = host_and_port(address)?;
        let transport = match (query, service, default_transport) {
            (None, _, default) => default,
            (Some("transport=udp"), _, IceTransport::Udp) => IceTransport::Udp,
            (Some("transport=tcp"), IceService::Turn, IceTransport::Udp) => IceTransport::Tcp,
            (Some("transport=tcp"), _, IceTransport::Tls) => IceTransport::Tls,
            (Some(query @ ("transport=udp" | "transport=tcp")), ..) => {
                return Err(ParseIceServerError::Transport(query.to_owned()));
            }
            (Some(query), ..) => return Err(ParseIceServerError::Query(query.to_owned())),
        };
        Ok(Self {
            service,
            transport,
            host: host.to_owned(),
            port: port.unwrap_or(match transport {
                IceTransport::Tls => DEFAULT_TLS_PORT,
                IceTransport::Udp | IceTransport::Tcp => DEFAULT_PORT,
            }),
            username: username.to_owned(),
            credential: credential.to_owned(),
        })
    }
}

/// What may be shown of a text that could not be read.
fn without_credentials(text: &str) -> &str {
    text.rsplit_once('@').map_or(text, |(_, rest)| rest)
}

/// Splits `host:port`, `host`, `[v6]:port` and `[v6]`.
fn host_and_port(address: &str) -> Result<(&str, Option<u16>), ParseIceServerError> {
    let no_host = || ParseIceServerError::Host(address.to_owned());
    let (host, rest) = match address.strip_prefix('[') {
        Some(inner) => inner.split_once(']').ok_or_else(no_host)?,
        None => address.split_at(address.find(':').unwrap_or(address.len())),
    };
    if host.is_empty() {
        return Err(no_host());
    }
    let port = match rest.strip_prefix(':') {
        None if rest.is_empty() => return Ok((host, None)),
        None => return Err(ParseIceServerError::Port(rest.to_owned())),
        Some(port) => port,
    };
    match port.parse() {
        Ok(0) | Err(_) => Err(ParseIceServerError::Port(port.to_owned())),
        Ok(port) => Ok((host, Some(port))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_read_from_their_usual_notation() {
        let cases = [
            ("stun:h:19302", "stun:h:19302", "", ""),
            ("stun:h", "stun:h:3478", "", ""),
            ("stun:h?transport=udp", "stun:h:3478", "", ""),
            ("turn:h", "turn:h:3478?transport=udp", "", ""),
            (
                "turn:ann:se:cret@h:3478?transport=udp",
                "turn:h:3478?transport=udp",
                "ann",
                "se:cret",
            ),
            (
                "turn:ann:p@ss@h",
                "turn:h:3478?transport=udp",
                "ann",
                "p@ss",
            ),
            ("turn:h:80?transport=tcp", "turn:h:80?transport=tcp", "", ""),
            ("turns:h", "turns:h:5349?transport=tcp", "", ""),
            (
                "turns:u:p@h:443?transport=tcp",
                "turns:h:443?transport=tcp",
                "u",
                "p",
            ),
            (
                "turn:u:p@[2001:db8::1]:99",
                "turn:[2001:db8::1]:99?transport=udp",
                "u",
                "p",
            ),
        ];
        for (text, url, username, credential) in cases {
            let server: IceServer = text.parse().expect(text);
            assert_eq!(server.to_string(), url);
            assert_eq!(server.username, username);
            assert_eq!(server.credential, credential);
            // What is displayed can be read again.
            let again: IceServer = url.parse().expect(url);
            assert_eq!(again.to_string(), url);
        }
    }

    #[test]
    fn faults_are_named() {
        use ParseIceServerError::*;
        let cases = [
            ("http://x", Scheme("http://x".into())),
            ("example.org", Scheme("example.org".into())),
            ("http://u:hunter2@x", Scheme("x".into())),
            ("stun:", Host("".into())),
            ("stun::3478", Host(":3478".into())),
            ("stun:h:0", Port("0".into())),
            ("stun:h:70000", Port("70000".into())),
            ("stun:[::1]3478", Port("3478".into())),
            ("stun:[::1", Host("[::1".into())),
            ("stun:[]:1", Host("[]:1".into())),
            ("turn:user@h:3478", Credentials),
            ("turn:u:p@h?transport=quic", Query("transport=quic".into())),
            ("stun:h?transport=tcp", Transport("transport=tcp".into())),
            ("turns:h?transport=udp", Transport("transport=udp".into())),
            ("stuns:h", StunOverTls),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<IceServer>(), Err(error), "{text}");
        }
    }

    #[test]
    fn a_relay_without_a_name_and_a_password_is_noticed() {
        let lacks = |text: &str| text.parse::<IceServer>().expect(text).lacks_credentials();
        assert!(lacks("turn:h") && lacks("turn:u:@h") && lacks("turn::p@h"));
        assert!(!lacks("turn:u:p@h") && !lacks("stun:h"));
    }

    #[test]
    fn the_password_is_never_printed() {
        let server: IceServer = "turn:ann:hunter2@h".parse().expect("valid");
        assert!(!format!("{server:?} {server}").contains("hunter2"));
    }
}
