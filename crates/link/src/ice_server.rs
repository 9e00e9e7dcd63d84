use std::fmt;
use std::str::FromStr;

use thiserror::Error;

const DEFAULT_PORT: u16 = 3478;

/// A STUN or TURN server.
///
/// Parses from `stun:host[:port]` and `turn:user:password@host[:port][?transport=udp]`.
/// The password may contain `:`; the last `@` ends it. The transport stack relays over plain
/// UDP only: TCP and TLS are refused.
#[derive(Clone, PartialEq, Eq)]
pub struct IceServer {
    /// URLs without credentials, such as `turn:example.org:3478?transport=udp`.
    pub urls: Vec<String>,
    /// User name, empty for STUN.
    pub username: String,
    /// Password, empty for STUN.
    pub credential: String,
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
    #[error("`{0}` does not begin with stun: or turn:")]
    Scheme(String),
    #[error("`{0}:`: STUN and TURN over TLS are not supported yet; use stun: or turn: over UDP")]
    Tls(String),
    #[error("no host name in `{0}`")]
    Host(String),
    #[error("`{0}` is not a port")]
    Port(String),
    #[error("TURN over TCP is not supported yet; use transport=udp")]
    Tcp,
    #[error("unknown option `{0}`, expected transport=udp")]
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
        if scheme.ends_with('s') {
            return Err(ParseIceServerError::Tls(scheme.to_owned()));
        }
        let relay = scheme == "turn";
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
        let (host, port) = host_and_port(address)?;
        let mut url = format!("{scheme}:{host}:{port}");
        match query {
            None => {}
            Some("transport=udp") if relay => url.push_str("?transport=udp"),
            Some("transport=tcp") if relay => return Err(ParseIceServerError::Tcp),
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
fn host_and_port(address: &str) -> Result<(&str, u16), ParseIceServerError> {
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
        None if port.is_empty() => DEFAULT_PORT,
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
                "turn:ann:p@ss@t.example.org",
                "turn:t.example.org:3478",
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
            ("stuns:h", Tls("stuns".into())),
            ("turns:u:p@h:5349", Tls("turns".into())),
            ("turn:u:p@h?transport=tcp", Tcp),
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
}
