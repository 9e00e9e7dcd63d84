//! Targets of poses, as URLs.

use std::fmt;
use std::str::FromStr;

/// A consumer of poses, or an address that consumers connect to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// One JSON object a datagram, to this address.
    Udp {
        /// The host's name or address.
        host: String,
        /// The UDP port.
        port: u16,
    },
    /// Open Sound Control over UDP, to this address.
    Osc {
        /// The host's name or address.
        host: String,
        /// The UDP port.
        port: u16,
        /// How poses are laid out.
        layout: OscLayout,
    },
    /// A ZeroMQ publisher at this address, which subscribers connect to. `host` may be `*`.
    Zmq {
        /// The address to listen on.
        host: String,
        /// The TCP port; 0 for any free one.
        port: u16,
    },
    /// A stream of this name in Lab Streaming Layer's network.
    Lsl {
        /// Its name.
        name: String,
    },
}

/// How a pose is laid out in OSC messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OscLayout {
    /// A message for each instance, with all its nodes.
    #[default]
    Instances,
    /// A message for each node, whose name is in the address.
    Nodes,
}

/// Why a URL is not a target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    /// There is no `://`.
    #[error("'{url}' has no scheme: {URL_FORMS}")]
    NoScheme {
        /// As given.
        url: String,
    },
    /// Neither `udp`, `osc` nor `zmq`.
    #[error("'{scheme}://' is not known here: {URL_FORMS}")]
    Scheme {
        /// As given.
        scheme: String,
    },
    /// The port is missing.
    #[error("'{url}' has no port: {URL_FORMS}")]
    NoPort {
        /// As given.
        url: String,
    },
    /// The port is not a number in range.
    #[error("'{port}' in '{url}' is not a port from {lowest} to 65535")]
    Port {
        /// As given.
        url: String,
        /// The text in the port's place.
        port: String,
        /// The lowest port of this scheme.
        lowest: u16,
    },
    /// The host is empty, or has characters that no host has.
    #[error("'{host}' in '{url}' is not a host: {URL_FORMS}, an IPv6 address in brackets")]
    Host {
        /// As given.
        url: String,
        /// The text in the host's place.
        host: String,
    },
    /// The name of a stream is empty, too long, or has characters that names do not have.
    #[error(
        "'{name}' in '{url}' is no name of a stream: lsl://NAME has 1 to 64 letters, digits and the characters _ - ."
    )]
    StreamName {
        /// As given.
        url: String,
        /// The text in the name's place.
        name: String,
    },
    /// An option that is not known.
    #[error("'?{query}' in '{url}' is not known: only osc:// has an option, ?by=node")]
    Query {
        /// As given.
        url: String,
        /// The text behind the question mark.
        query: String,
    },
}

const URL_FORMS: &str = "give udp://HOST:PORT, osc://HOST:PORT, zmq://ADDRESS:PORT or lsl://NAME";

impl Target {
    /// Whether consumers find poses by a name that is another one where several streams may run: an address of OSC, a
    /// stream of Lab Streaming Layer.
    pub fn is_found_by_stream(&self) -> bool {
        matches!(self, Self::Osc { .. } | Self::Lsl { .. })
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(url: &str) -> Result<Self, TargetError> {
        let owned = || url.to_owned();
        let (scheme, rest) = url
            .split_once("://")
            .ok_or_else(|| TargetError::NoScheme { url: owned() })?;
        if scheme == "lsl" {
            return stream(url, rest);
        }
        if !["udp", "osc", "zmq"].contains(&scheme) {
            return Err(TargetError::Scheme {
                scheme: scheme.to_owned(),
            });
        }
        let (address, query) = match rest.split_once('?') {
            Some((address, query)) => (address, Some(query)),
            None => (rest, None),
        };
        let layout = match (scheme, query) {
            (_, None) => OscLayout::Instances,
            ("osc", Some("by=instance")) => OscLayout::Instances,
            ("osc", Some("by=node")) => OscLayout::Nodes,
            (_, Some(query)) => {
                return Err(TargetError::Query {
                    url: owned(),
                    query: query.to_owned(),
                });
            }
        };
        let (host, port) = address
            .strip_suffix('/')
            .unwrap_or(address)
            .rsplit_once(':')
            .ok_or_else(|| TargetError::NoPort { url: owned() })?;
        let host = host_name(url, host, scheme == "zmq")?;
        // A publisher may take any free port; the port of a consumer has to be known.
        let lowest = u16::from(scheme != "zmq");
        let port = match port.parse::<u16>() {
            Ok(number) if number >= lowest => number,
            _ => {
                return Err(TargetError::Port {
                    url: owned(),
                    port: port.to_owned(),
                    lowest,
                });
            }
        };
        Ok(match scheme {
            "udp" => Target::Udp { host, port },
            "osc" => Target::Osc { host, port, layout },
            _ => Target::Zmq { host, port },
        })
    }
}

/// A stream of Lab Streaming Layer.
fn stream(url: &str, rest: &str) -> Result<Target, TargetError> {
    let name = rest.strip_suffix('/').unwrap_or(rest);
    let plain = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '.');
    match (1..=64).contains(&name.chars().count()) && name.chars().all(plain) {
        true => Ok(Target::Lsl {
            name: name.to_owned(),
        }),
        false => Err(TargetError::StreamName {
            url: url.to_owned(),
            name: name.to_owned(),
        }),
    }
}

/// The host of a URL, an IPv6 address without its brackets.
fn host_name(url: &str, host: &str, any: bool) -> Result<String, TargetError> {
    let bare = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'));
    let ok = match bare {
        Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        None => {
            let plain = |c: char| c.is_alphanumeric() || matches!(c, '.' | '-' | '_');
            (any && host == "*") || (!host.is_empty() && host.chars().all(plain))
        }
    };
    match ok {
        true => Ok(bare.unwrap_or(host).to_owned()),
        false => Err(TargetError::Host {
            url: url.to_owned(),
            host: host.to_owned(),
        }),
    }
}

/// As it was given.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, host, port, query) = match self {
            Target::Lsl { name } => return write!(f, "lsl://{name}"),
            Target::Udp { host, port } => ("udp", host, port, ""),
            Target::Osc { host, port, layout } => {
                let query = match layout {
                    OscLayout::Instances => "",
                    OscLayout::Nodes => "?by=node",
                };
                ("osc", host, port, query)
            }
            Target::Zmq { host, port } => ("zmq", host, port, ""),
        };
        match host.contains(':') {
            true => write!(f, "{scheme}://[{host}]:{port}{query}"),
            false => write!(f, "{scheme}://{host}:{port}{query}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_read_and_written_alike() {
        for url in [
            "udp://127.0.0.1:9000",
            "udp://[::1]:9000",
            "osc://rig-2.lab:57120",
            "osc://localhost:57120?by=node",
            "zmq://127.0.0.1:5556",
            "zmq://*:5556",
            "zmq://127.0.0.1:0",
            "lsl://mouse_1",
        ] {
            assert_eq!(url.parse::<Target>().unwrap().to_string(), url);
        }
        let layout = |url: &str| match url.parse() {
            Ok(Target::Osc { layout, .. }) => layout,
            other => panic!("{other:?}"),
        };
        assert_eq!(layout("osc://h:1?by=node"), OscLayout::Nodes);
        assert_eq!(layout("osc://h:1/"), OscLayout::Instances);
    }

    #[test]
    fn what_is_wrong_with_a_url_is_said() {
        for (url, word) in [
            ("127.0.0.1:9000", "no scheme"),
            ("tcp://127.0.0.1:9000", "'tcp://' is not known"),
            ("udp://127.0.0.1", "no port"),
            ("udp://127.0.0.1:0", "from 1 to 65535"),
            ("udp://127.0.0.1:65536", "'65536'"),
            ("udp://:9000", "not a host"),
            ("udp://*:9000", "not a host"),
            ("udp://::1:9000", "brackets"),
            ("udp://a b:9000", "not a host"),
            ("udp://h:9000?by=node", "only osc://"),
            ("osc://h:9000?by=colour", "?by=node"),
            ("zmq://*", "no port"),
            ("lsl://", "no name of a stream"),
            ("lsl://a b", "no name of a stream"),
            ("", "no scheme"),
        ] {
            let error = url.parse::<Target>().unwrap_err().to_string();
            assert!(error.contains(word), "{url}: {error}");
        }
    }
}
