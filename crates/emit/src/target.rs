//! Where poses go, as a URL says it.

use std::fmt;
use std::str::FromStr;

/// A consumer of poses, or where consumers come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// One JSON object a datagram, to this address.
    Udp { host: String, port: u16 },
    /// Open Sound Control over UDP, to this address.
    Osc { host: String, port: u16, form: Form },
    /// A ZeroMQ publisher at this address, which subscribers connect to. `host` may be `*`.
    Zmq { host: String, port: u16 },
}

/// How a pose is laid out in OSC messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Form {
    /// A message for each instance, with all its nodes.
    #[default]
    Instances,
    /// A message for each node, whose name is in the address.
    Nodes,
}

/// Why a URL names no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TargetError {
    #[error("'{url}' has no scheme: {FORMS}")]
    NoScheme { url: String },
    #[error("'{scheme}://' is not known here: {FORMS}")]
    Scheme { scheme: String },
    #[error("'{url}' has no port: {FORMS}")]
    NoPort { url: String },
    #[error("'{port}' in '{url}' is not a port from {lowest} to 65535")]
    Port {
        url: String,
        port: String,
        lowest: u16,
    },
    #[error("'{host}' in '{url}' is not a host: {FORMS}, an IPv6 address in brackets")]
    Host { url: String, host: String },
    #[error("'?{query}' in '{url}' is not known: only osc:// has an option, ?by=node")]
    Query { url: String, query: String },
}

const FORMS: &str = "give udp://HOST:PORT, osc://HOST:PORT or zmq://ADDRESS:PORT";

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(url: &str) -> Result<Self, TargetError> {
        let owned = || url.to_owned();
        let (scheme, rest) = url
            .split_once("://")
            .ok_or_else(|| TargetError::NoScheme { url: owned() })?;
        if !["udp", "osc", "zmq"].contains(&scheme) {
            return Err(TargetError::Scheme {
                scheme: scheme.to_owned(),
            });
        }
        let (address, query) = match rest.split_once('?') {
            Some((address, query)) => (address, Some(query)),
            None => (rest, None),
        };
        let form = match (scheme, query) {
            (_, None) => Form::Instances,
            ("osc", Some("by=instance")) => Form::Instances,
            ("osc", Some("by=node")) => Form::Nodes,
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
        // A publisher may take any free port; a consumer is at one that is known.
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
            "osc" => Target::Osc { host, port, form },
            _ => Target::Zmq { host, port },
        })
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
            Target::Udp { host, port } => ("udp", host, port, ""),
            Target::Osc { host, port, form } => {
                let query = match form {
                    Form::Instances => "",
                    Form::Nodes => "?by=node",
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
        ] {
            assert_eq!(url.parse::<Target>().unwrap().to_string(), url);
        }
        let form = |url: &str| match url.parse() {
            Ok(Target::Osc { form, .. }) => form,
            other => panic!("{other:?}"),
        };
        assert_eq!(form("osc://h:1?by=node"), Form::Nodes);
        assert_eq!(form("osc://h:1/"), Form::Instances);
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
            ("", "no scheme"),
        ] {
            let error = url.parse::<Target>().unwrap_err().to_string();
            assert!(error.contains(word), "{url}: {error}");
        }
    }
}
