use std::fmt;
use std::str::FromStr;

use thiserror::Error;

const DEFAULT_PORT: u16 = 3478;
const DEFAULT_TLS_PORT: u16 = 5349;

/// A STUN or TURN server.
///
/// Parses from `stun:host[:port]` and `turn:[user:password@]host[:port][?transport=udp]`
/// (`stuns:` and `turns:` alike). The password may contain `:`; the last `@` ends it.
#[derive(Clone, PartialEq, Eq)]
pub struct IceServer {
    /// URLs without credentials, such as `turn:example.org:3478?transport=udp`.
    pub urls: Vec<String>,
    /// User name, empty for STUN.
    pub username: String,
    /// Password, empty for STUN.
    pub credential: String,
}

impl IceServer {
    /// Why the transport stack cannot use this server, or `None` if it can: relaying runs over
    /// plain UDP only.
    pub fn unsupported(&self) -> Option<&'static str> {
        let url = self.urls.first()?;
        if url.starts_with("turns:") || url.starts_with("stuns:") {
            Some("STUN and TURN over TLS are not supported; use stun: or turn: over UDP")
        } else if url.contains("transport=tcp") {
            Some("TURN over TCP is not supported; use ?transport=udp")
        } else {
            None
        }
    }
}

impl fmt::Debug for IceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IceServer")
            .field("urls", &self.urls)
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// Why a text is not a STUN or TURN server.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ParseIceServerError {
    #[error("`{0}` does not begin with stun:, stuns:, turn: or turns:")]
    Scheme(String),
    #[error("no host name in `{0}`")]
    Host(String),
    #[error("`{0}` is not a port")]
    Port(String),
    #[error("unknown option `{0}`, expected transport=udp or transport=tcp")]
    Query(String),
    #[error("a TURN server needs credentials: turn:user:password@host:port")]
    Credentials,
}

impl FromStr for IceServer {
    type Err = ParseIceServerError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (scheme, rest) = text
            .split_once(':')
            .filter(|(scheme, _)| matches!(*scheme, "stun" | "stuns" | "turn" | "turns"))
            .ok_or_else(|| ParseIceServerError::Scheme(text.to_owned()))?;
        let relay = scheme.starts_with("turn");
        let (credentials, rest) = match rest.rsplit_once('@') {
            Some((credentials, rest)) => (Some(credentials), rest),
            None => (None, rest),
        };
        let (username, credential) = match credentials.and_then(|text| text.split_once(':')) {
            Some((username, credential)) => (username.to_owned(), credential.to_owned()),
            None if relay => return Err(ParseIceServerError::Credentials),
            None => (String::new(), String::new()),
        };
        let (address, query) = match rest.split_once('?') {
            Some((address, query)) => (address, Some(query)),
            None => (rest, None),
        };
        let (host, port) = host_and_port(address, scheme.ends_with('s'))?;
        let mut url = format!("{scheme}:{host}:{port}");
        match query {
            None => {}
            Some("transport=udp" | "transport=tcp") if relay => {
                url.push('?');
                url.push_str(query.unwrap_or_default());
            }
            Some(query) => return Err(ParseIceServerError::Query(query.to_owned())),
        }
        Ok(Self {
            urls: vec![url],
            username,
            credential,
        })
    }
}

/// Splits `host:port`, `host`, `[v6]:port` and `[v6]`.
fn host_and_port(address: &str, tls: bool) -> Result<(&str, u16), ParseIceServerError> {
    let default = if tls { DEFAULT_TLS_PORT } else { DEFAULT_PORT };
    let end = match address.strip_prefix('[') {
        Some(inner) => match inner.find(']') {
            Some(end) => end + 2,
            None => return Err(ParseIceServerError::Host(address.to_owned())),
        },
        None => address.find(':').unwrap_or(address.len()),
    };
    let (host, port) = address.split_at(end);
    if host.is_empty() || host == "[]" {
        return Err(ParseIceServerError::Host(address.to_owned()));
    }
    let port = match port.strip_prefix(':') {
        Some(port) => match port.parse() {
            Ok(0) | Err(_) => return Err(ParseIceServerError::Port(port.to_owned())),
            Ok(port) => port,
        },
        None if port.is_empty() => default,
        None => return Err(ParseIceServerError::Port(port.to_owned())),
    };
    Ok((host, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_read_from_their_usual_notation() {
        let cases = [
            (
                "stun:stun.example.org:19302",
                "stun:stun.example.org:19302",
                "",
                "",
            ),
            (
                "stun:stun.example.org",
                "stun:stun.example.org:3478",
                "",
                "",
            ),
            (
                "turn:ann:se:cret@t.example.org:3478?transport=udp",
                "turn:t.example.org:3478?transport=udp",
                "ann",
                "se:cret",
            ),
            (
                "turns:ann:p@ss@t.example.org",
                "turns:t.example.org:5349",
                "ann",
                "p@ss",
            ),
            (
                "turn:u:p@[2001:db8::1]:99",
                "turn:[2001:db8::1]:99",
                "u",
                "p",
            ),
        ];
        for (text, url, username, credential) in cases {
            let server: IceServer = text.parse().expect(text);
            assert_eq!(server.urls, [url]);
            assert_eq!(server.username, username);
            assert_eq!(server.credential, credential);
        }
    }

    #[test]
    fn faults_are_named() {
        use ParseIceServerError::*;
        let cases = [
            ("http://x", Scheme("http://x".into())),
            ("example.org", Scheme("example.org".into())),
            ("stun:", Host("".into())),
            ("stun::3478", Host(":3478".into())),
            ("stun:h:0", Port("0".into())),
            ("stun:h:70000", Port("70000".into())),
            ("turn:h:3478", Credentials),
            ("turn:user@h:3478", Credentials),
            ("turn:u:p@h?transport=quic", Query("transport=quic".into())),
            ("stun:h?transport=udp", Query("transport=udp".into())),
            ("stun:[::1", Host("[::1".into())),
        ];
        for (text, error) in cases {
            assert_eq!(text.parse::<IceServer>(), Err(error), "{text}");
        }
    }

    #[test]
    fn the_password_is_never_printed() {
        let server: IceServer = "turn:ann:hunter2@h".parse().expect("valid");
        assert!(!format!("{server:?}").contains("hunter2"));
    }

    #[test]
    fn relaying_over_tcp_and_tls_is_reported_as_unsupported() {
        let supported = |text: &str| {
            text.parse::<IceServer>()
                .expect(text)
                .unsupported()
                .is_none()
        };
        assert!(supported("stun:h"));
        assert!(supported("turn:u:p@h?transport=udp"));
        assert!(!supported("turn:u:p@h?transport=tcp"));
        assert!(!supported("turns:u:p@h"));
    }
}
