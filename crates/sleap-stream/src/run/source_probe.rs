//! Why an address did not open as video: a request to its server, whose answer FFmpeg does not pass on.
//!
//! The request follows a failure. Before it, it could take the only connection that a camera allows, and refuse
//! what FFmpeg can open.

use std::io;
use std::time::Duration;

use protocol::text;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long the server may take to accept a connection, and then to answer.
const PROBE_TIMEOUT: Duration = Duration::from_secs(5);

/// The most that is read of an answer.
const MAX_HEAD: u64 = 16 << 10;

/// An address of a server that is asked.
#[derive(Debug, PartialEq, Eq)]
struct ServerAddress<'a> {
    scheme: &'a str,
    host: &'a str,
    port: u16,
    /// Path and query.
    path: &'a str,
    /// A user's name, maybe with a password, stands in it. It is not sent.
    has_login: bool,
}

/// What is wrong, as a part of a sentence, where the server shows it.
pub(super) async fn reason(url: &str) -> Option<String> {
    // FFmpeg asks another server then.
    if std::env::var_os("http_proxy").is_some_and(|proxy| !proxy.is_empty()) {
        return None;
    }
    let address = ServerAddress::parse(url)?;
    let place = (address.host, address.port);
    let stream = match timeout(PROBE_TIMEOUT, TcpStream::connect(place)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Some(address.unreachable(&error)),
        Err(_) => {
            return Some(format!(
                "{} does not answer at port {}. Check the address, that the machine is on, and the firewall",
                address.host, address.port
            ));
        }
    };
    let head = match address.scheme {
        "https" | "rtsps" => {
            let asked = async {
                let stream = link::encrypted(stream, address.host).await?;
                address.ask(stream).await
            };
            timeout(PROBE_TIMEOUT, asked).await
        }
        _ => timeout(PROBE_TIMEOUT, address.ask(stream)).await,
    };
    address.judge(&head.ok()?.ok()?)
}

impl<'a> ServerAddress<'a> {
    /// `None` for addresses of other kinds.
    fn parse(url: &'a str) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let (scheme, usual) = match scheme.to_ascii_lowercase().as_str() {
            "http" => ("http", 80),
            "https" => ("https", 443),
            "rtsp" => ("rtsp", 554),
            "rtsps" => ("rtsps", 322),
            _ => return None,
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        let path = path.split('#').next().unwrap_or_default();
        let (has_login, place) = match authority.rsplit_once('@') {
            Some((_, place)) => (true, place),
            None => (false, authority),
        };
        let (host, port) = match place.strip_prefix('[') {
            Some(v6) => {
                let (host, port) = v6.split_once(']')?;
                (host, port.strip_prefix(':'))
            }
            None => match place.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (place, None),
            },
        };
        let port = match port {
            Some(port) => port.parse().ok()?,
            None => usual,
        };
        (!host.is_empty()).then_some(Self {
            scheme,
            host,
            port,
            path,
            has_login,
        })
    }

    fn unreachable(&self, error: &io::Error) -> String {
        let Self { host, port, .. } = self;
        match error.kind() {
            io::ErrorKind::ConnectionRefused => format!(
                "{host} refuses the connection: no program listens at port {port} there. Check the address, and that \
                 the sender is running"
            ),
            _ => format!("{host} port {port} cannot be reached: {error}. Check the address"),
        }
    }

    /// Sends a request and returns the beginning of the answer.
    async fn ask(&self, mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<String> {
        stream.write_all(self.request().as_bytes()).await?;
        stream.flush().await?;
        let mut head = Vec::new();
        let mut answer = stream.take(MAX_HEAD);
        while !head.windows(4).any(|end| end == b"\r\n\r\n") {
            if answer.read_buf(&mut head).await? == 0 {
                break;
            }
        }
        Ok(String::from_utf8_lossy(&head).into_owned())
    }

    fn request(&self) -> String {
        let host = match self.host.contains(':') {
            true => format!("[{}]:{}", self.host, self.port),
            false => format!("{}:{}", self.host, self.port),
        };
        let path = match self.path.starts_with('/') {
            true => self.path.to_owned(),
            false => format!("/{}", self.path),
        };
        match self.scheme {
            "rtsp" | "rtsps" => format!(
                "DESCRIBE {}://{host}{path} RTSP/1.0\r\nCSeq: 1\r\nAccept: application/sdp\r\n\r\n",
                self.scheme
            ),
            _ => format!(
                "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: sleap-stream\r\nAccept: */*\r\n\
                 Connection: close\r\n\r\n"
            ),
        }
    }

    /// What an answer says is wrong. It is any text.
    fn judge(&self, head: &str) -> Option<String> {
        let mut lines = head.lines();
        let (protocol, status) = lines.next()?.split_once(' ')?;
        if !protocol.starts_with("HTTP/") && !protocol.starts_with("RTSP/") {
            return None;
        }
        let status = text::cut(status.trim(), text::NAME);
        let code: u16 = status.split(' ').next()?.parse().ok()?;
        Some(match code {
            401 if self.has_login => {
                format!(
                    "the server asks for a login and does not accept the one in the address ({status})"
                )
            }
            401 => format!(
                "the server asks for a login ({status}): give {}://USER:PASSWORD@{}..., in the variable \
                 SLEAP_STREAM_STREAM, where other users do not see it",
                self.scheme, self.host
            ),
            403 => format!("the server does not permit this ({status})"),
            404 | 410 => {
                format!("the server has nothing at this path ({status}). Check the address")
            }
            400.. => format!("the server answers {status}"),
            200..300 => {
                let kind = content_type(lines)?;
                format!("the server answers with {kind}, in which no video is found")
            }
            _ => return None,
        })
    }
}

fn content_type<'a>(lines: impl Iterator<Item = &'a str>) -> Option<String> {
    let mut fields = lines.filter_map(|line| line.split_once(':'));
    let (_, kind) = fields.find(|(name, _)| name.eq_ignore_ascii_case("content-type"))?;
    Some(text::cut(kind.trim(), text::NAME).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(url: &str) -> ServerAddress<'_> {
        ServerAddress::parse(url).expect(url)
    }

    #[test]
    fn addresses_are_taken_apart_without_their_login() {
        let address = parsed("http://me:p@w@cam:81/video?x=@#y");
        assert_eq!((address.host, address.port), ("cam", 81));
        assert!(address.has_login);
        let request = address.request();
        assert!(request.starts_with("GET /video?x=@ HTTP/1.1\r\nHost: cam:81\r\n"));
        assert!(!request.contains("p@w"), "{request}");
        let camera = parsed("RTSP://[fe80::1]");
        assert_eq!((camera.port, camera.has_login), (554, false));
        assert!(
            camera
                .request()
                .starts_with("DESCRIBE rtsp://[fe80::1]:554/ RTSP/1.0\r\n")
        );
        for other in [
            "udp://cam:1",
            "a.mp4",
            "http://",
            "http://cam:x/",
            "http://[::1",
        ] {
            assert_eq!(ServerAddress::parse(other), None, "{other}");
        }
    }

    #[test]
    fn answers_say_what_is_wrong() {
        let judged = |url: &str, head: &str| parsed(url).judge(head);
        let of = |head: &str| judged("http://cam/a", head);
        for (head, words) in [
            ("HTTP/1.1 401 Unauthorized\r\n\r\n", "USER:PASSWORD@cam"),
            (
                "HTTP/1.0 404 Not Found\r\n",
                "nothing at this path (404 Not Found)",
            ),
            ("HTTP/1.1 403 Forbidden\n", "does not permit"),
            ("HTTP/1.1 503 Busy\r\n", "answers 503 Busy"),
            (
                "HTTP/1.1 200 OK\r\nServer: x\r\ncontent-type: text/html\r\n\r\n",
                "text/html",
            ),
            ("RTSP/1.0 404 Stream Not Found\r\n", "404 Stream"),
        ] {
            let found = of(head).expect(head);
            assert!(found.contains(words), "{found}");
        }
        let known = judged("rtsp://a:b@cam", "RTSP/1.0 401 Unauthorized\r\n").unwrap();
        assert!(known.contains("does not accept"), "{known}");
        for head in [
            "",
            "ICY 200 OK\r\n",
            "HTTP/1.1 302 Found\r\n",
            "HTTP/1.1 200 OK\r\n",
            "HTTP/1.1 x\r\n",
        ] {
            assert_eq!(of(head), None, "{head}");
        }
        let long = of(&format!("HTTP/1.1 500 {}", "x".repeat(10_000))).unwrap();
        assert!(long.len() < 300);
    }
}
