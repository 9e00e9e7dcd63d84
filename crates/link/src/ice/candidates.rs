//! Candidate lines of session descriptions (RFC 8839, section 5.1).

use std::fmt;
use std::net::IpAddr;

use tracing::debug;

const ATTRIBUTE: &str = "a=candidate:";
/// Candidates of a description that are used.
const MAX_DESCRIBED: usize = 32;
/// Candidates that a peer may add to its description.
pub(crate) const MAX_ADDED: usize = 64;
/// Addresses of one kind that are kept.
const MAX_LISTED: usize = 64;
/// Addresses of one kind that are named; further ones are counted.
const MAX_SHOWN: usize = 4;

/// An ICE candidate that a peer sends after its description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct IceCandidate {
    /// The candidate's line, without `a=`.
    pub(crate) candidate: String,
    /// The medium that it belongs to, by its identification...
    pub(crate) sdp_mid: Option<String>,
    /// ...and by its place in the description.
    pub(crate) sdp_mline_index: Option<u16>,
}

/// What one side offered, as addresses by type.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CandidateSummary {
    /// Of the side's own interfaces.
    pub host: Vec<String>,
    /// Seen from outside, by a STUN server or by the other side.
    pub reflexive: Vec<String>,
    /// On a TURN server.
    pub relay: Vec<String>,
}

impl CandidateSummary {
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
        if list.len() < MAX_LISTED && !list.iter().any(|known| known == address) {
            list.push(address.to_owned());
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.host.is_empty() && self.reflexive.is_empty() && self.relay.is_empty()
    }
}

impl fmt::Display for CandidateSummary {
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
            let named = list.iter().take(MAX_SHOWN).map(String::as_str);
            let named = named.collect::<Vec<_>>().join(", ");
            write!(f, "{separator}{kind} {named}")?;
            if list.len() > MAX_SHOWN {
                write!(f, " and {} more", list.len() - MAX_SHOWN)?;
            }
            separator = "; ";
        }
        Ok(())
    }
}

/// Address and type of a candidate, from `candidate:1 1 udp 2130706431 10.0.0.1 9 typ host ..`,
/// with or without `a=` before it. The address may be a name.
pub(crate) fn address_and_type(line: &str) -> Option<(&str, &str)> {
    let line = line.strip_prefix("a=").unwrap_or(line);
    let line = line.strip_prefix("candidate:").unwrap_or(line);
    let mut words = line.split_ascii_whitespace().skip(4);
    let address = words.next()?;
    match (words.nth(1)?, words.next()?) {
        ("typ", kind) => Some((address, kind)),
        _ => None,
    }
}

/// Whether a candidate can be used: its address is one, not a name. Browsers hide addresses behind
/// mDNS names (`.local`), which are not looked up here.
pub(crate) fn usable(line: &str) -> bool {
    let Some((address, _)) = address_and_type(line) else {
        // Whatever it is, the WebRTC library judges it.
        return true;
    };
    let usable = address.parse::<IpAddr>().is_ok();
    if !usable {
        debug!(address, "ignoring a candidate without an address");
    }
    usable
}

/// A peer's description without the candidates that cannot be used, and without those that are more
/// than a peer has use for: each is a path that is tried.
pub(crate) fn without_unusable(sdp: &str) -> String {
    let mut candidates = 0;
    let keep = |line: &&str| {
        if !line.starts_with(ATTRIBUTE) {
            return true;
        }
        let keep = candidates < MAX_DESCRIBED && usable(line.trim_end());
        candidates += usize::from(keep);
        keep
    };
    sdp.split_inclusive('\n').filter(keep).collect()
}

/// This side's description without what is of no use to a data channel: the library names each candidate once more as
/// that of RTCP, and an extension of RTP. Descriptions of many lanes fit into fewer round trips of SCTP's first window.
pub(crate) fn without_media(sdp: &str) -> String {
    let is_kept = |line: &&str| {
        let is_of_rtcp = line.starts_with(ATTRIBUTE) && line.split(' ').nth(1) == Some("2");
        !is_of_rtcp && line.trim_end() != "a=extmap-allow-mixed"
    };
    sdp.split_inclusive('\n').filter(is_kept).collect()
}

/// A description in which relay candidates do not name the local address behind them
/// (RFC 8829, section 4.1.18).
pub(crate) fn without_related_addresses(sdp: &str) -> String {
    let mut result = String::with_capacity(sdp.len());
    for line in sdp.split_inclusive('\n') {
        let words: Vec<&str> = line.trim_end().split(' ').collect();
        let related = words.iter().position(|word| *word == "raddr");
        match related {
            Some(at) if line.starts_with(ATTRIBUTE) && words.get(at + 2) == Some(&"rport") => {
                let mut words = words;
                words[at + 1] = "0.0.0.0";
                if let Some(port) = words.get_mut(at + 3) {
                    *port = "0";
                }
                result.push_str(&words.join(" "));
                result.push_str(&line[line.trim_end().len()..]);
            }
            _ => result.push_str(line),
        }
    }
    result
}

/// The candidates of a description.
pub(crate) fn of_description(sdp: &str) -> CandidateSummary {
    let mut candidates = CandidateSummary::default();
    for line in sdp.lines().filter(|line| line.starts_with(ATTRIBUTE)) {
        candidates.add(line);
    }
    candidates
}

/// Whether a description has no candidate and announces that none follows.
pub(crate) fn none_will_come(sdp: &str) -> bool {
    let mut lines = sdp.lines();
    let ended = sdp.lines().any(|line| line == "a=end-of-candidates");
    ended && !lines.any(|line| line.starts_with(ATTRIBUTE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_description_of_a_data_channel_has_nothing_of_media() {
        let candidate = |component| {
            format!("a=candidate:7 {component} udp 2130706431 10.0.0.1 5000 typ host\r\n")
        };
        let (one, two) = (candidate(1), candidate(2));
        let sdp = format!("v=0\r\na=extmap-allow-mixed\r\na=mid:0\r\n{one}{two}a=sendrecv\r\n");
        let expected = format!("v=0\r\na=mid:0\r\n{one}a=sendrecv\r\n");
        assert_eq!(without_media(&sdp), expected);
    }

    const SDP: &str = "v=0\r\n\
        a=candidate:1 1 udp 2130706431 10.0.0.1 5000 typ host\r\n\
        a=candidate:2 1 udp 2130706431 0ab-1.local 5001 typ host generation 0\r\n\
        a=candidate:3 1 UDP 16777215 192.0.2.9 49152 typ relay raddr 10.0.0.1 rport 5000\r\n\
        a=end-of-candidates\r\n";

    #[test]
    fn a_description_has_so_many_candidates_and_no_more() {
        let candidate =
            |index| format!("a=candidate:{index} 1 udp 1 10.0.0.1 {index} typ host\r\n");
        let many: String = (1..=100).map(candidate).collect();
        let sdp = format!("v=0\r\na=candidate:1 1 udp 1 x.local 9 typ host\r\n{many}a=mid:0\r\n");
        let kept = without_unusable(&sdp);
        assert_eq!(kept.matches(ATTRIBUTE).count(), MAX_DESCRIBED);
        assert!(
            kept.starts_with("v=0\r\na=candidate:1 1 udp 1 10.") && kept.ends_with("a=mid:0\r\n")
        );
    }

    #[test]
    fn a_candidate_is_read_with_and_without_its_prefixes() {
        for prefix in ["", "candidate:", "a=candidate:"] {
            let line = format!("{prefix}1 1 udp 1 fd00::1 9 typ srflx raddr 10.0.0.1 rport 1");
            assert_eq!(address_and_type(&line), Some(("fd00::1", "srflx")));
        }
        for text in [
            "",
            "candidate:",
            "candidate:1 1 udp 1 10.0.0.1 9",
            "1 1 udp 1 a 9 type host",
        ] {
            assert_eq!(address_and_type(text), None, "{text}");
        }
    }

    #[test]
    fn names_are_left_out_and_everything_else_stays() {
        let lines: Vec<_> = SDP
            .lines()
            .filter(|line| !line.contains(".local"))
            .collect();
        assert_eq!(without_unusable(SDP), lines.join("\r\n") + "\r\n");
        assert!(!usable("candidate:2 1 udp 1 0ab-1.local 5001 typ host"));
        assert!(usable("candidate:2 1 udp 1 10.0.0.1 5001 typ host") && usable("nonsense"));
    }

    #[test]
    fn relayed_addresses_do_not_tell_where_they_lead() {
        let masked = without_related_addresses(SDP);
        assert!(
            masked.contains("192.0.2.9 49152 typ relay raddr 0.0.0.0 rport 0\r\n"),
            "{masked}"
        );
        assert_eq!(masked.lines().count(), SDP.lines().count());
        assert_eq!(masked.matches("10.0.0.1").count(), 1);
    }

    #[test]
    fn an_end_without_a_candidate_is_noticed() {
        assert!(none_will_come("v=0\r\na=end-of-candidates\r\n"));
        assert!(!none_will_come("v=0\r\n") && !none_will_come(SDP));
    }

    #[test]
    fn long_lists_are_cut_and_bounded() {
        let mut candidates = CandidateSummary::default();
        for n in 0..100 {
            candidates.add(&format!("candidate:1 1 udp 1 10.0.0.{n} 9 typ host"));
        }
        let text = candidates.to_string();
        assert_eq!(
            text,
            "host 10.0.0.0, 10.0.0.1, 10.0.0.2, 10.0.0.3 and 60 more"
        );
        assert_eq!(CandidateSummary::default().to_string(), "nothing");
    }
}
