//! Why no path was found, and what to do.

use std::fmt;

use super::candidates::CandidateSummary;
use super::outcome::ServerFault;

/// A STUN or TURN server that was of no use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerFailure {
    /// The server's URL.
    pub server: String,
    /// Why it was of no use.
    pub fault: ServerFault,
}

/// What is known when no path was found. Displays as one line that ends with what to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PathFailure {
    /// What this side offered.
    pub local: CandidateSummary,
    /// What the peer offered.
    pub remote: CandidateSummary,
    /// This side's servers that were of no use.
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

    fn candidates(lines: &[(&str, &str)]) -> CandidateSummary {
        let mut candidates = CandidateSummary::default();
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
        assert!(advice(CandidateSummary::default(), host(), true).contains("Only relayed"));
        assert!(advice(host(), CandidateSummary::default(), false).contains("its log"));
        assert!(advice(relay(), host(), false).contains("without a relay"));
        assert!(advice(relay(), relay(), false).contains("Both sides"));
    }
}
