//! Why no path was found, in words that tell what to do.

use std::fmt;

use super::candidates::address_and_type;
use super::outcome::ServerFault;

/// Addresses of one kind that are named; further ones are counted.
const NAMED: usize = 4;

/// What one side offered, as addresses by type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Candidates {
    /// Of the side's own interfaces.
    pub host: Vec<String>,
    /// Seen from outside, by a STUN server or by the other side.
    pub reflexive: Vec<String>,
    /// On a TURN server.
    pub relay: Vec<String>,
}

impl Candidates {
    /// Adds the candidate of a description's or a message's line, if it is one.
    pub(crate) fn add(&mut self, line: &str) {
        let Some((address, kind)) = address_and_type(line) else {
            return;
        };
        let list = match kind {
            "host" => &mut self.host,
            "srflx" | "prflx" => &mut self.reflexive,
            "relay" => &mut self.relay,
            _ => return,
        };
        if list.len() < 64 && !list.iter().any(|known| known == address) {
            list.push(address.to_owned());
        }
    }

    fn is_empty(&self) -> bool {
        self.host.is_empty() && self.reflexive.is_empty() && self.relay.is_empty()
    }
}

impl fmt::Display for Candidates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing");
        }
        let mut separator = "";
        let kinds = [
            ("host", &self.host),
            ("srflx", &self.reflexive),
            ("relay", &self.relay),
        ];
        for (kind, list) in kinds.into_iter().filter(|(_, list)| !list.is_empty()) {
            let named = list.iter().take(NAMED).map(String::as_str);
            let named = named.collect::<Vec<_>>().join(", ");
            write!(f, "{separator}{kind} {named}")?;
            if list.len() > NAMED {
                write!(f, " and {} more", list.len() - NAMED)?;
            }
            separator = "; ";
        }
        Ok(())
    }
}

/// A STUN or TURN server that was of no use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFailure {
    /// The server's URL.
    pub server: String,
    pub fault: ServerFault,
}

/// What is known when no path was found. Displays as one line that ends with what to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PathFailure {
    pub local: Candidates,
    pub remote: Candidates,
    pub servers: Vec<ServerFailure>,
    /// Only relayed addresses may be used on this side.
    pub relay_only: bool,
}

impl PathFailure {
    fn advice(&self) -> &'static str {
        let refused = |failure: &ServerFailure| failure.fault == ServerFault::Credentials;
        if self.servers.iter().any(refused) {
            "Give the TURN server the right user name and password"
        } else if self.relay_only && self.local.relay.is_empty() {
            "Only relayed addresses may be used, and no TURN server gave one: check its address and that its port is open"
        } else if self.remote.is_empty() {
            "The other side offered no address: its log says why"
        } else if !self.local.relay.is_empty() && !self.remote.relay.is_empty() {
            "Both sides have a relay: check that the TURN servers may reach each other's relayed ports"
        } else if !self.local.relay.is_empty() || !self.remote.relay.is_empty() {
            "Check that the TURN server reaches the side without a relay, or give that side the server too"
        } else if !self.servers.is_empty() {
            "Check the address of these servers and that their ports are open"
        } else {
            "Where NAT or a firewall stands between the two, name a STUN or TURN server on both sides (--ice-server)"
        }
    }
}

impl fmt::Display for PathFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "this side offered {}", self.local)?;
        // With nothing to offer, the other side was not asked.
        if !(self.local.is_empty() && self.remote.is_empty()) {
            write!(f, "; the other side {}", self.remote)?;
        }
        f.write_str(". ")?;
        for ServerFailure { server, fault } in &self.servers {
            write!(f, "{server}: {fault}. ")?;
        }
        f.write_str(self.advice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidates(lines: &[(&str, &str)]) -> Candidates {
        let mut candidates = Candidates::default();
        for (address, kind) in lines {
            candidates.add(&format!("candidate:1 1 udp 1 {address} 9 typ {kind}"));
        }
        candidates
    }

    #[test]
    fn what_was_tried_and_what_to_do_are_one_line() {
        let failure = PathFailure {
            local: candidates(&[
                ("10.0.0.1", "host"),
                ("192.0.2.1", "srflx"),
                ("10.0.0.1", "host"),
            ]),
            remote: candidates(&[("10.1.0.1", "host")]),
            servers: vec![ServerFailure {
                server: "turn:h:3478?transport=udp".into(),
                fault: ServerFault::Credentials,
            }],
            relay_only: false,
        };
        assert_eq!(
            failure.to_string(),
            "this side offered host 10.0.0.1; srflx 192.0.2.1; the other side host 10.1.0.1. \
             turn:h:3478?transport=udp: it refuses the user name or the password (401). \
             Give the TURN server the right user name and password"
        );
    }

    #[test]
    fn the_advice_fits_what_is_missing() {
        let host = || candidates(&[("10.0.0.1", "host")]);
        let relay = || candidates(&[("192.0.2.1", "relay")]);
        let advice = |local, remote, relay_only| {
            let failure = PathFailure {
                local,
                remote,
                relay_only,
                ..Default::default()
            };
            failure.advice()
        };
        assert!(advice(host(), host(), false).contains("--ice-server"));
        assert!(advice(Candidates::default(), host(), true).contains("Only relayed"));
        assert!(advice(host(), Candidates::default(), false).contains("its log"));
        assert!(advice(relay(), host(), false).contains("without a relay"));
        assert!(advice(relay(), relay(), false).contains("Both sides"));
    }

    #[test]
    fn long_lists_are_cut_and_bounded() {
        let many: Vec<_> = (0..100).map(|n| format!("10.0.0.{n}")).collect();
        let lines: Vec<_> = many.iter().map(|ip| (ip.as_str(), "host")).collect();
        let text = candidates(&lines).to_string();
        assert_eq!(
            text,
            "host 10.0.0.0, 10.0.0.1, 10.0.0.2, 10.0.0.3 and 60 more"
        );
        assert_eq!(Candidates::default().to_string(), "nothing");
    }
}
