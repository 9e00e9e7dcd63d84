//! Which requests the page's server answers.

use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, HOST, HeaderMap, HeaderName, HeaderValue, ORIGIN};

use super::tokens::{LinkKind, ViewLinks, ViewTokens};
use crate::machine;
use http_server::{self, HttpResponse, only, words};

/// The header that names the reason of a refusal, for the page.
const REASON: HeaderName = HeaderName::from_static("sleap-reason");

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum RequestRefusal {
    /// The host is a name that is not this machine's: it may be another site's.
    #[error("this page is not served under that name: use this machine's address")]
    Host,
    #[error("the request does not come from this page")]
    Origin,
    #[error("the link's token is missing or is not this worker's: open the link that it printed")]
    Token,
    #[error("this worker has switched its {name} link off (--view-links)", name = .0.name())]
    SwitchedOff(LinkKind),
    #[error("this link only watches: to stream a camera, open the worker's send link")]
    LookOnly,
    #[error("this worker has switched watching off (--view-links send): this link only streams")]
    SendOnly,
}

impl RequestRefusal {
    /// The response to a refused request.
    pub(super) fn response(self) -> HttpResponse {
        let (status, reason) = match self {
            Self::Token => (StatusCode::UNAUTHORIZED, "token"),
            Self::Host => (StatusCode::FORBIDDEN, "host"),
            Self::Origin => (StatusCode::FORBIDDEN, "origin"),
            Self::SwitchedOff(_) => (StatusCode::FORBIDDEN, "off"),
            Self::LookOnly => (StatusCode::FORBIDDEN, "look-only"),
            Self::SendOnly => (StatusCode::FORBIDDEN, "send-only"),
        };
        refusal(status, reason, &self.to_string())
    }
}

/// A refusal with a text for people and a reason for the page.
pub(super) fn refusal(status: StatusCode, reason: &'static str, text: &str) -> HttpResponse {
    let mut response = words(status, text);
    let reason = HeaderValue::from_static(reason);
    response.headers_mut().insert(REASON, reason);
    response
}

/// Checks the headers of requests.
pub(super) struct RequestGuard {
    tokens: ViewTokens,
    links: ViewLinks,
    scheme: &'static str,
    /// This machine's names.
    names: Vec<String>,
}

impl RequestGuard {
    /// A guard that accepts the tokens of the links that are served.
    pub(super) fn new(tokens: ViewTokens, links: ViewLinks, secure: bool) -> Self {
        Self {
            tokens,
            links,
            scheme: if secure { "https" } else { "http" },
            names: machine_name().map(forms).unwrap_or_default(),
        }
    }

    /// Whether the request was sent to this machine by its address or its own name. Any other name
    /// may be another site's that was made to lead here (DNS rebinding).
    pub(super) fn check_host(&self, headers: &HeaderMap) -> Result<(), RequestRefusal> {
        let host = http_server::host(headers).ok_or(RequestRefusal::Host)?;
        let allowed = http_server::is_address(&host) || self.names.contains(&host);
        allowed.then_some(()).ok_or(RequestRefusal::Host)
    }

    /// The link whose token the request has, if a script of this page sent it.
    pub(super) fn check_script(&self, headers: &HeaderMap) -> Result<LinkKind, RequestRefusal> {
        let own = only(headers, HOST).map(|host| format!("{}://{host}", self.scheme));
        let origin = only(headers, ORIGIN);
        match (origin, own) {
            (Some(origin), Some(own)) if origin.eq_ignore_ascii_case(&own) => {}
            _ => return Err(RequestRefusal::Origin),
        }
        let token = only(headers, AUTHORIZATION).and_then(|text| text.strip_prefix("Bearer "));
        let kind = token.and_then(|token| self.tokens.find(token));
        match kind.ok_or(RequestRefusal::Token)? {
            kind if kind.is_served(self.links) => Ok(kind),
            kind => Err(RequestRefusal::SwitchedOff(kind)),
        }
    }

    /// Whether the owner of a link may watch.
    pub(super) fn check_watching(&self) -> Result<(), RequestRefusal> {
        let allowed = LinkKind::Look.is_served(self.links);
        allowed.then_some(()).ok_or(RequestRefusal::SendOnly)
    }

    /// Whether the owner of this link may stream.
    pub(super) fn check_streaming(kind: LinkKind) -> Result<(), RequestRefusal> {
        let allowed = kind == LinkKind::Send;
        allowed.then_some(()).ok_or(RequestRefusal::LookOnly)
    }
}

/// The forms of this machine's name: the short name, `NAME.local`, and with each search domain.
fn forms(name: String) -> Vec<String> {
    let resolver = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
    let (short, domain) = match name.split_once('.') {
        Some((short, _)) => (short.to_owned(), None),
        None => (name.clone(), Some(domains(&resolver))),
    };
    let whole = domain.into_iter().flatten();
    let whole = whole.map(|domain| format!("{short}.{domain}"));
    let mut forms: Vec<String> = whole.collect();
    forms.extend([format!("{short}.local"), short, name]);
    forms
}

/// The search domains of `/etc/resolv.conf`, in lower case.
fn domains(settings: &str) -> Vec<String> {
    let lists = settings.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        matches!(words.next(), Some("search" | "domain")).then_some(words)
    });
    let domain = |word: &str| word.trim_matches('.').to_ascii_lowercase();
    let domains = lists.flatten().map(domain);
    domains.filter(|domain| !domain.is_empty()).collect()
}

/// This machine's name in lower case. `None` if it is no text.
fn machine_name() -> Option<String> {
    let name = machine::name()?.into_string().ok()?;
    (!name.is_empty()).then(|| name.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard_of(links: ViewLinks) -> RequestGuard {
        let tokens = ViewTokens::load(None, false).unwrap();
        RequestGuard {
            names: vec!["rig.lab.edu".into(), "rig.local".into(), "rig".into()],
            ..RequestGuard::new(tokens, links, false)
        }
    }

    fn guard() -> RequestGuard {
        guard_of(ViewLinks::Both)
    }

    fn headers(list: &[(HeaderName, &str)]) -> HeaderMap {
        let header = |(name, value): &(HeaderName, &str)| (name.clone(), value.parse().unwrap());
        list.iter().map(header).collect()
    }

    #[test]
    fn addresses_and_the_machines_own_name_are_hosts() {
        let check = |host: &str| guard().check_host(&headers(&[(HOST, host)])).is_ok();
        for host in [
            "127.0.0.1:8081",
            "[::1]:8081",
            "192.168.1.5",
            "localhost:1",
            "RIG",
            "rig.local:80",
            "Rig.Lab.edu:80",
        ] {
            assert!(check(host), "{host}");
        }
        for host in [
            "evil.example",
            "rig.evil.example:80",
            "lab.edu",
            "",
            ":80",
            "[::1",
            "1.2.3.4:x",
            "127.0.0.1.evil",
        ] {
            assert!(!check(host), "{host}");
        }
        let twice = headers(&[(HOST, "localhost"), (HOST, "localhost")]);
        let mut map = twice;
        map.append(HOST, "localhost".parse().unwrap());
        assert_eq!(guard().check_host(&map), Err(RequestRefusal::Host));
        assert_eq!(
            guard().check_host(&HeaderMap::new()),
            Err(RequestRefusal::Host)
        );
    }

    #[test]
    fn a_name_has_a_short_form_and_a_whole_one() {
        let whole = forms("rig.lab.edu".into());
        assert_eq!(whole, ["rig.local", "rig", "rig.lab.edu"]);
        assert!(forms("rig".into()).contains(&"rig".into()));
        let settings =
            "# by hand\nnameserver 10.0.0.1\nsearch Lab.edu example.org.\ndomain lab.net\nsearch .";
        assert_eq!(domains(settings), ["lab.edu", "example.org", "lab.net"]);
        assert!(domains("searching nowhere").is_empty());
    }

    fn script(origin: Option<&str>, token: &str) -> HeaderMap {
        let mut headers = headers(&[(HOST, "10.0.0.1:8081"), (AUTHORIZATION, token)]);
        if let Some(origin) = origin {
            headers.insert(ORIGIN, origin.parse().unwrap());
        }
        headers
    }

    const OWN: Option<&str> = Some("http://10.0.0.1:8081");

    #[test]
    fn a_script_shows_its_origin_and_the_token() {
        let guard = guard();
        let check = |origin, token: &str| guard.check_script(&script(origin, token));
        let token = guard.tokens.of(LinkKind::Send);
        let right = format!("Bearer {token}");
        assert_eq!(check(OWN, &right), Ok(LinkKind::Send));
        for origin in [
            None,
            Some("null"),
            Some("https://10.0.0.1:8081"),
            Some("http://10.0.0.1"),
        ] {
            assert_eq!(
                check(origin, &right),
                Err(RequestRefusal::Origin),
                "{origin:?}"
            );
        }
        for token in [
            "",
            "Bearer ",
            token,
            &right[..right.len() - 1],
            &format!("{right}0"),
        ] {
            assert_eq!(check(OWN, token), Err(RequestRefusal::Token), "{token:?}");
        }
    }

    /// What both links may do at a worker that serves these: be used at all, watch, stream.
    fn rights(links: ViewLinks) -> [[bool; 3]; 2] {
        let guard = guard_of(links);
        LinkKind::ALL.map(|kind| {
            let token = format!("Bearer {}", guard.tokens.of(kind));
            match guard.check_script(&script(OWN, &token)) {
                Ok(kind) => [
                    true,
                    guard.check_watching().is_ok(),
                    RequestGuard::check_streaming(kind).is_ok(),
                ],
                Err(refusal) => {
                    assert_eq!(refusal, RequestRefusal::SwitchedOff(kind));
                    [false; 3]
                }
            }
        })
    }

    #[test]
    fn only_the_send_link_streams_and_a_link_that_is_switched_off_does_nothing() {
        let (look, send) = ([true, true, false], [true, true, true]);
        assert_eq!(rights(ViewLinks::Both), [look, send]);
        assert_eq!(rights(ViewLinks::Look), [look, [false; 3]]);
        assert_eq!(rights(ViewLinks::Send), [[false; 3], [true, false, true]]);
    }
}
