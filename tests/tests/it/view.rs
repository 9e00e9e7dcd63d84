//! The page's server with clients that are no browsers: what is refused, and what a connection may cost.

use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use e2e::{Client, Worker, demo};

/// Longer than anything here may take; only a broken server is waited for so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A worker's page.
struct Page {
    worker: Worker,
    /// `HOST:PORT`.
    address: String,
    /// Of the first link that is served, and of the last: `look` and `send` where both are.
    look: String,
    token: String,
}

impl Page {
    fn start() -> Self {
        Self::serving("both")
    }

    /// The page of a worker that serves these links. The token is that of the last one.
    fn serving(links: &str) -> Self {
        let mut worker = Worker::start(&["--view", "127.0.0.1:0", "--view-links", links]);
        let mut tokens = Vec::new();
        let mut address = String::new();
        for name in ["view", "send"].iter().filter(|name| match links {
            "look" => **name == "view",
            "send" => **name == "send",
            _ => true,
        }) {
            let line = worker.stdout_line();
            let link = line.strip_prefix(&format!("{name}: http://"));
            let (at, token) = link.expect("a link").split_once("/#").expect("a token");
            address = at.to_owned();
            tokens.push(token.to_owned());
        }
        Self {
            address,
            look: tokens.first().cloned().unwrap_or_default(),
            token: tokens.pop().expect("a link"),
            worker,
        }
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).expect("the page listens");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }

    /// The answer to these lines and body: status and all of it.
    fn ask(&self, lines: &[&str], body: &[u8]) -> (u16, String) {
        let mut stream = self.connect();
        let head = format!("{}\r\nConnection: close\r\n\r\n", lines.join("\r\n"));
        stream.write_all(head.as_bytes()).unwrap();
        // A server may answer before it has read everything.
        let _ = stream.write_all(body);
        answer(stream)
    }

    /// The answer to a viewer's offer with these headers instead of the right ones.
    fn offer(&self, change: &[(&str, Option<&str>)], body: &[u8]) -> (u16, String) {
        self.post("/view", change, body)
    }

    /// The answer to a request with these headers instead of those of an offer.
    fn post(&self, path: &str, change: &[(&str, Option<&str>)], body: &[u8]) -> (u16, String) {
        let length = body.len().to_string();
        let origin = format!("http://{}", self.address);
        let token = format!("Bearer {}", self.token);
        let mut headers = vec![
            ("Host", Some(self.address.as_str())),
            ("Origin", Some(origin.as_str())),
            ("Authorization", Some(token.as_str())),
            ("Content-Type", Some("application/sdp")),
            ("Content-Length", Some(length.as_str())),
        ];
        for (name, value) in change {
            headers.retain(|(known, _)| known != name);
            headers.push((name, *value));
        }
        let mut lines = vec![format!("POST {path} HTTP/1.1")];
        let given = headers
            .iter()
            .filter_map(|(name, value)| Some((name, (*value)?)));
        lines.extend(given.map(|(name, value)| format!("{name}: {value}")));
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        self.ask(&lines, body)
    }
}

fn answer(mut stream: TcpStream) -> (u16, String) {
    let mut text = String::new();
    match stream.read_to_string(&mut text) {
        Ok(_) => {}
        // Closed with bytes of ours unread: what was answered before that counts.
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
        Err(error) => panic!("{error}: {text}"),
    }
    let status = text.split(' ').nth(1).and_then(|word| word.parse().ok());
    (
        status.unwrap_or_else(|| panic!("no answer: {text:?}")),
        text,
    )
}

#[test]
fn the_page_is_served_with_a_strict_policy() {
    let page = Page::start();
    let host = format!("Host: {}", page.address);
    let (status, text) = page.ask(&["GET / HTTP/1.1", &host], b"");
    assert_eq!(status, 200);
    assert!(
        !text.contains(&page.token),
        "the token is in the link alone"
    );
    for header in [
        "content-security-policy: default-src 'none'; script-src 'self';",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
        "cache-control: no-store",
    ] {
        assert!(text.contains(header), "no {header:?} in {text}");
    }
    let get = |path: &str| page.ask(&[&format!("GET {path} HTTP/1.1"), &host], b"").0;
    assert_eq!(get("/main.js"), 200);
    for path in [
        "/nothing",
        "/../Cargo.toml",
        "/page/main.js",
        "//main.js",
        "/%2e%2e/main.js",
    ] {
        assert_eq!(get(path), 404, "{path}");
    }
    assert_eq!(page.ask(&["DELETE / HTTP/1.1", &host], b"").0, 405);
}

#[test]
fn a_request_from_elsewhere_is_refused() {
    let page = Page::start();
    let status = |change: &[(&str, Option<&str>)]| page.offer(change, b"v=0").0;
    assert_eq!(status(&[]), 400, "only the offer is wrong");
    let other = "Bearer 00000000000000000000000000000000";
    for token in [
        None,
        Some(""),
        Some("Bearer "),
        Some(other),
        Some(page.token.as_str()),
    ] {
        assert_eq!(status(&[("Authorization", token)]), 401, "{token:?}");
    }
    for origin in [
        None,
        Some("null"),
        Some("http://evil.example"),
        Some("http://127.0.0.1:1"),
    ] {
        assert_eq!(status(&[("Origin", origin)]), 403, "{origin:?}");
    }
    // A name that leads here, with an origin that goes with it.
    for host in ["evil.example", "127.0.0.1.evil.example:80", "evil.local"] {
        let origin = format!("http://{host}");
        let rebound = [("Host", Some(host)), ("Origin", Some(origin.as_str()))];
        assert_eq!(status(&rebound), 403, "{host}");
    }
    assert_eq!(
        page.ask(&["GET / HTTP/1.1", "Host: evil.example"], b"").0,
        403
    );
    assert_eq!(status(&[("Content-Type", Some("text/plain"))]), 415);
}

#[test]
fn a_link_does_only_what_it_is_for() {
    let page = Page::start();
    let status = |page: &Page, path: &str, token: &str| {
        let bearer = format!("Bearer {token}");
        page.post(path, &[("Authorization", Some(bearer.as_str()))], b"v=0")
    };
    // 400: only the offer is wrong.
    assert_eq!(status(&page, "/view", &page.look).0, 400);
    assert_eq!(status(&page, "/view", &page.token).0, 400);
    assert_eq!(status(&page, "/stream", &page.token).0, 400);
    let (code, text) = status(&page, "/stream", &page.look);
    assert_eq!(code, 403);
    assert!(text.contains("sleap-reason: look-only"), "{text}");
    assert!(text.contains("open the worker's send link"), "{text}");

    let look = Page::serving("look");
    assert_eq!(status(&look, "/view", &look.token).0, 400);
    assert_eq!(status(&look, "/stream", &look.token).0, 403);
    let send = Page::serving("send");
    assert_eq!(status(&send, "/stream", &send.token).0, 400);
    let (code, text) = status(&send, "/view", &send.token);
    assert_eq!(code, 403);
    assert!(text.contains("sleap-reason: send-only"), "{text}");
}

#[test]
fn poses_come_back_as_a_file_and_are_bounded() {
    let page = Page::start();
    let post = |path: &str, change: &[(&str, Option<&str>)], lines: &str| {
        page.post(path, change, lines.as_bytes())
    };
    let lines = "{\"source_name\":\"camera\",\"width\":64,\"height\":48,\"fps\":30}\n\
        {\"frame_id\":3,\"instances\":[[[1.5,2.5],null]],\"captured_us\":9}\n";
    let (code, text) = post("/labels?format=jsonl", &[], lines);
    assert_eq!(code, 200, "{text}");
    assert!(text.contains("\"frame_id\":3"), "{text}");
    assert_eq!(post("/labels?format=exe", &[], lines).0, 400);
    assert_eq!(post("/labels?format=csv", &[], "no header\n").0, 422);
    let other = [("Authorization", Some("Bearer look-other"))];
    assert_eq!(post("/labels?format=csv", &other, lines).0, 401);
    let claimed = [("Content-Length", Some("99999999999"))];
    assert_eq!(post("/labels?format=csv", &claimed, lines).0, 413);
    let large = "a".repeat(65 << 20);
    assert_eq!(post("/labels?format=csv", &[], &large).0, 413);
    assert_eq!(post("/labels?format=csv", &[], lines).0, 200);
}

#[test]
fn an_offer_is_bounded_and_a_bad_one_costs_nothing() {
    let page = Page::start();
    let large = vec![b'a'; 1 << 20];
    assert_eq!(page.offer(&[], &large).0, 413);
    // A length that is only claimed does not reserve anything, nor wait for it to come.
    assert_eq!(
        page.offer(&[("Content-Length", Some("99999999999"))], b"v=0")
            .0,
        413
    );
    for offer in [&b""[..], b"\xff\xfe", b"v=0\r\n", b"{}", &large[..60_000]] {
        assert_eq!(page.offer(&[], offer).0, 400);
    }
    // None of them has kept a viewer's slot or a handshake.
    for _ in 0..8 {
        assert_eq!(page.offer(&[], b"v=0").0, 400);
    }
}

#[test]
fn a_slow_connection_is_closed() {
    let page = Page::start();
    let mut silent = page.connect();
    let mut slow = page.connect();
    slow.write_all(b"GET / HTTP/1.1\r\nHost:").unwrap();
    for stream in [&mut silent, &mut slow] {
        // Closed, or told so; never kept.
        let mut rest = Vec::new();
        match stream.read_to_end(&mut rest) {
            Ok(_) => {}
            Err(error) => assert_eq!(error.kind(), ErrorKind::ConnectionReset, "{error}"),
        }
    }
}

#[test]
fn a_head_without_end_is_cut_off() {
    let page = Page::start();
    let mut stream = page.connect();
    stream.write_all(b"GET / HTTP/1.1\r\n").unwrap();
    let line = format!("X: {}\r\n", "a".repeat(1000));
    // The server stops reading long before the end of this.
    let all = (0..100_000).try_for_each(|_| stream.write_all(line.as_bytes()));
    let error = all.expect_err("100 MB of headers are not read");
    assert!(
        matches!(
            error.kind(),
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
        ),
        "{error}"
    );
}

#[test]
fn silent_connections_keep_neither_viewers_nor_clients_away() {
    let page = Page::start();
    let held: Vec<TcpStream> = (0..200).map(|_| page.connect()).collect();
    // The oldest are closed for those that follow.
    let mut first = BufReader::new(&held[0]);
    assert!(matches!(first.fill_buf(), Ok(&[]) | Err(_)));
    let host = format!("Host: {}", page.address);
    assert_eq!(page.ask(&["GET / HTTP/1.1", &host], b"").0, 200);
    let video = demo("video.mp4");
    let run = [
        "--signal",
        &page.worker.signal,
        "--stream",
        video.to_str().unwrap(),
        "--max-frames",
        "30",
    ];
    Client::run(&run).success();
    drop(held);
    let peak = e2e::peak_memory(page.worker.pid()).unwrap();
    assert!(peak < 200_000, "{peak} kB");
}

#[test]
fn an_address_in_use_is_reported_at_once() {
    let page = Page::start();
    let worker = std::process::Command::new(e2e::binary("sleap-worker"))
        .args(["--listen", "127.0.0.1:0", "--view", &page.address])
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&worker.stderr);
    assert_eq!(worker.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("--view ADDR"), "{stderr}");
}
