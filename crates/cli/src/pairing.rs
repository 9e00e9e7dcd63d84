//! The link with which a client connects to a worker: the rendezvous, and the secret of both.

use std::fmt;

use link::{Secret, SecretError};

use crate::websocket_url;

/// What a link begins with, and the address of its signaling server.
const SCHEMES: [(&str, &str); 2] = [("sleap://", "ws://"), ("sleaps://", "wss://")];

/// `sleap://HOST:PORT/[WORKER-ID]#SECRET`, or `sleaps://` where the signaling server uses TLS. `Debug` does not
/// show the secret.
#[derive(Debug, Clone)]
pub struct PairingLink {
    /// Host and port of the signaling server.
    pub host: String,
    /// It uses TLS.
    pub is_tls: bool,
    /// The worker there; `None`: the first.
    pub worker_id: Option<String>,
    /// `None`: the worker asks for nothing.
    pub secret: Option<Secret>,
}

/// Why a text is no pairing link. It does not repeat the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PairingLinkError {
    /// It is not `sleap://HOST:PORT/[WORKER-ID][#SECRET]`.
    Form,
    /// What follows `#` is no secret.
    Secret(SecretError),
}

impl fmt::Display for PairingLinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Form => f.write_str("it is not of the form sleap://HOST:PORT/#SECRET"),
            Self::Secret(error) => write!(f, "its secret cannot be used: {error}"),
        }
    }
}

impl std::error::Error for PairingLinkError {}

impl PairingLink {
    /// Where a link begins in a text that has one.
    pub fn position_in(text: &str) -> Option<usize> {
        SCHEMES
            .iter()
            .filter_map(|(scheme, _)| text.find(scheme))
            .min()
    }

    /// Reads a link.
    ///
    /// # Errors
    /// It has another form, or the secret cannot be one.
    pub fn parse(text: &str) -> Result<Self, PairingLinkError> {
        let text = text.trim();
        let rest = |is_tls: bool| text.strip_prefix(SCHEMES[usize::from(is_tls)].0);
        let found = [false, true]
            .into_iter()
            .find_map(|it| Some((it, rest(it)?)));
        let (is_tls, rest) = found.ok_or(PairingLinkError::Form)?;
        let (place, secret) = match rest.split_once('#') {
            Some((place, secret)) => (place, Some(secret)),
            None => (rest, None),
        };
        let (host, id) = place.split_once('/').unwrap_or((place, ""));
        let is_port = |port: &str| port.parse::<u16>().is_ok_and(|port| port > 0);
        let has_port = host.rsplit_once(':').is_some_and(|(name, port)| {
            !name.is_empty() && !name.contains(['@', '?', ' ']) && is_port(port)
        });
        if !has_port || id.contains(['/', '?']) || websocket_url(host).is_err() {
            return Err(PairingLinkError::Form);
        }
        let secret = secret.map(str::parse).transpose();
        Ok(Self {
            host: host.to_owned(),
            is_tls,
            worker_id: (!id.is_empty()).then(|| id.to_owned()),
            secret: secret.map_err(PairingLinkError::Secret)?,
        })
    }

    /// Address of the signaling server.
    pub fn signal(&self) -> String {
        let (_, scheme) = self.schemes();
        format!("{scheme}{}", self.host)
    }

    /// Where the worker is, in words, without the secret.
    pub fn place(&self) -> String {
        match &self.worker_id {
            Some(id) => format!("{id} at {}", self.signal()),
            None => self.signal(),
        }
    }

    /// The link with its secret. For people, not for logs.
    pub fn reveal(&self) -> String {
        let id = self.worker_id.as_deref().unwrap_or_default();
        let (scheme, _) = self.schemes();
        match &self.secret {
            Some(secret) => format!("{scheme}{}/{id}#{}", self.host, secret.reveal()),
            None => format!("{scheme}{}/{id}", self.host),
        }
    }

    fn schemes(&self) -> (&'static str, &'static str) {
        SCHEMES[usize::from(self.is_tls)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "AAAAAAAAAAAAAAAAAAAAAA";

    #[test]
    fn links_are_read_and_written() {
        for (place, host, id) in [
            ("10.0.0.5:8080/", "10.0.0.5:8080", None),
            ("[fe80::1]:80/", "[fe80::1]:80", None),
            ("gpu.lab:8080/worker-1", "gpu.lab:8080", Some("worker-1")),
        ] {
            let link = format!("sleap://{place}#{SECRET}");
            let pairing = PairingLink::parse(&link).expect(place);
            assert_eq!(
                (pairing.host.as_str(), pairing.worker_id.as_deref()),
                (host, id)
            );
            assert_eq!(pairing.signal(), format!("ws://{host}"));
            assert_eq!(pairing.reveal(), link);
            assert!(!pairing.place().contains(SECRET) && pairing.place().contains(host));
            assert!(!format!("{pairing:?}").contains(SECRET));
        }
        let encrypted = format!("sleaps://meet.lab:443/worker-rig#{SECRET}");
        let pairing = PairingLink::parse(&encrypted).expect("with TLS");
        assert_eq!(pairing.signal(), "wss://meet.lab:443");
        assert_eq!(pairing.reveal(), encrypted);
        let printed = format!("pair: '{encrypted}'");
        assert_eq!(PairingLink::position_in(&printed), Some(7));
        assert_eq!(PairingLink::position_in("sleap:/rig"), None);
        let bare = PairingLink::parse("sleap://rig:1").expect("without a secret");
        assert!(bare.secret.is_none());
        assert_eq!(bare.reveal(), "sleap://rig:1/");
    }

    #[test]
    fn other_texts_are_refused_without_repeating_them() {
        for text in [
            "",
            "hunter2",
            "ws://rig:8080",
            "sleap://",
            "sleap://rig/#AAAA",
            "sleap://rig:0/#AAAA",
            "sleap://:8080/",
            "sleap://user@rig:8080/",
            "sleap://rig:8080/a/b",
            "sleap://rig:8080/#hunter2",
            "sleap://rig:8080/#",
        ] {
            let error = PairingLink::parse(text).expect_err(text).to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
