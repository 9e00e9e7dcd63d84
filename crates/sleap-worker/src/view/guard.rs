//! Which requests the page's server answers.

use anyhow::{Context, Result};
use hyper::StatusCode;
use hyper::header::{AUTHORIZATION, HOST, HeaderMap, ORIGIN};
use subtle::ConstantTimeEq;

use crate::http::{self, HttpResponse, only, words};
use crate::machine;

/// Bytes of randomness in a token.
const TOKEN_BYTES: usize = 16;

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
}

impl RequestRefusal {
    /// The response to a refused request.
    pub(super) fn response(self) -> HttpResponse {
        let status = match self {
            Self::Token => StatusCode::UNAUTHORIZED,
            Self::Host | Self::Origin => StatusCode::FORBIDDEN,
        };
        words(status, &self.to_string())
    }
}

/// Checks the headers of requests.
#[derive(Debug)]
pub(super) struct RequestGuard {
    token: String,
    scheme: &'static str,
    /// This machine's names.
    names: Vec<String>,
}

impl RequestGuard {
    /// A guard with a new token.
    ///
    /// # Errors
    /// The system has no randomness.
    pub(super) fn new(secure: bool) -> Result<Self> {
        let mut random = [0; TOKEN_BYTES];
        getrandom::fill(&mut random).context("no randomness for the live view's token")?;
        Ok(Self {
            token: protocol::hex(&random),
            scheme: if secure { "https" } else { "http" },
            names: machine_name().map(forms).unwrap_or_default(),
        })
    }

    pub(super) fn token(&self) -> &str {
        &self.token
    }

    /// Whether the request was sent to this machine by its address or its own name. Any other name
    /// may be another site's that was made to lead here (DNS rebinding).
    pub(super) fn check_host(&self, headers: &HeaderMap) -> Result<(), RequestRefusal> {
        let host = http::host(headers).ok_or(RequestRefusal::Host)?;
        let allowed = http::is_address(&host) || self.names.contains(&host);
        allowed.then_some(()).ok_or(RequestRefusal::Host)
    }

    /// Whether a script of this page sent the request, with the token.
    pub(super) fn check_script(&self, headers: &HeaderMap) -> Result<(), RequestRefusal> {
        let own = only(headers, HOST).map(|host| format!("{}://{host}", self.scheme));
        let origin = only(headers, ORIGIN);
        match (origin, own) {
            (Some(origin), Some(own)) if origin.eq_ignore_ascii_case(&own) => {}
            _ => return Err(RequestRefusal::Origin),
        }
        let token = only(headers, AUTHORIZATION).and_then(|text| text.strip_prefix("Bearer "));
        let right = token.is_some_and(|it| it.as_bytes().ct_eq(self.token.as_bytes()).into());
        right.then_some(()).ok_or(RequestRefusal::Token)
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
    use hyper::header::HeaderName;

    use super::*;

    fn guard() -> RequestGuard {
        RequestGuard {
            names: vec!["rig.lab.edu".into(), "rig.local".into(), "rig".into()],
            ..RequestGuard::new(false).unwrap()
        }
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

    #[test]
    fn a_script_shows_its_origin_and_the_token() {
        let guard = guard();
        let check = |origin: Option<&str>, token: &str| {
            let mut headers = headers(&[(HOST, "10.0.0.1:8081"), (AUTHORIZATION, token)]);
            if let Some(origin) = origin {
                headers.insert(ORIGIN, origin.parse().unwrap());
            }
            guard.check_script(&headers)
        };
        let own = Some("http://10.0.0.1:8081");
        let right = format!("Bearer {}", guard.token());
        assert_eq!(check(own, &right), Ok(()));
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
            guard.token(),
            &right[..right.len() - 1],
            &format!("{right}0"),
        ] {
            assert_eq!(check(own, token), Err(RequestRefusal::Token), "{token:?}");
        }
    }

    #[test]
    fn no_two_tokens_are_the_same() {
        let [one, other] = [guard(), guard()];
        assert_eq!(one.token().len(), 2 * TOKEN_BYTES);
        assert_ne!(one.token(), other.token());
    }
}
