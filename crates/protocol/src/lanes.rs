//! Messages about lanes: further associations that carry one channel together.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::DecodeError;
use crate::fields::{digits, excerpt};
use crate::names;
use crate::number::{JsonInt, int};

/// Most lanes that a channel may have, the first one included.
pub const MAX_LANES: usize = 16;

/// Lanes for shards beside a channel, at most. After each loss SCTP lets four packets of a lane be under way: that is
/// 30 pictures of 25 KB a second where the round trip takes 100 ms and one packet of twenty is lost.
pub const MAX_SHARD_LANES: usize = 40;

/// The attribute of a worker's session description that offers lanes for shards before any message: a client's offers of
/// lanes may then go with its `STREAM_START`. Peers that do not know it skip it, as all attributes.
const SHARD_LANES_ATTRIBUTE: &str = "a=x-sleap-shard-lanes:";

/// Adds to a session description that its peer takes so many lanes for shards.
pub fn offer_shard_lanes(sdp: &mut String, lanes: usize) {
    use std::fmt::Write as _;

    // Writing to a string does not fail.
    let _ = write!(sdp, "{SHARD_LANES_ATTRIBUTE}{lanes}\r\n");
}

/// How many lanes for shards a session description says that its peer takes, as far as there may be; 0: it does not say.
pub fn offered_shard_lanes(sdp: &str) -> usize {
    let offered = sdp
        .lines()
        .find_map(|line| line.strip_prefix(SHARD_LANES_ATTRIBUTE));
    let lanes = offered.and_then(|lanes| lanes.trim_end().parse().ok());
    lanes.map_or(0, |lanes: usize| lanes.min(MAX_SHARD_LANES))
}

/// Asks for a further lane (`LANE_OFFER`, client to worker).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LaneOffer {
    /// Which lane, from 1; the channel itself is lane 0.
    #[serde(deserialize_with = "int")]
    pub lane: u32,
    /// The session description of its peer connection, with all candidates.
    pub sdp: String,
    /// It loses messages, and carries shards alone: its number is then any that is not in use.
    #[serde(skip_serializing_if = "is_false")]
    pub shards: bool,
}

/// Answers `LANE_OFFER` (`LANE_ANSWER`, worker to client).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct LaneAnswer {
    /// The lane that was asked for.
    #[serde(deserialize_with = "int")]
    pub lane: u32,
    /// The worker's session description; `None`: there will be no such lane.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sdp: Option<String>,
    /// Why not, for display.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
}

/// Most runs of lost units that one report names.
pub const MAX_LOST_RUNS: usize = 256;

/// Most units that one report asks for shards of.
pub const MAX_LATE_UNITS: usize = 64;

/// What became of the units that the other side has sent as shards (`SHARD_REPORT`, both directions).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ShardReport {
    /// All units before this one have arrived or are lost.
    #[serde(deserialize_with = "int")]
    pub closed: u32,
    /// Shards of units that are over since the last report, as far as the receiver can tell.
    #[serde(deserialize_with = "int")]
    pub sent: u64,
    /// Those of them that arrived.
    #[serde(deserialize_with = "int")]
    pub arrived: u64,
    /// The most shards that one block of these units lost.
    #[serde(deserialize_with = "int")]
    pub worst: u8,
    /// Units that were lost since the last report: the first one's number, and how many in a row. Runs
    /// beyond [`MAX_LOST_RUNS`] are not read.
    #[serde(deserialize_with = "runs", skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<[u32; 2]>,
    /// Units that further shards are asked for, of a sender that [keeps](crate::Message::ShardsKept) them: each one's number,
    /// and how many shards one of its blocks lacks at most; 0: nothing of it has arrived. Those beyond [`MAX_LATE_UNITS`]
    /// are not read.
    #[serde(deserialize_with = "late", skip_serializing_if = "Vec::is_empty")]
    pub late: Vec<[u32; 2]>,
}

/// Announces one unit of a channel with several lanes (`UNIT`): a whole frame, or one other message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnitHeader {
    /// Counts the units of all lanes in one direction, from 0.
    pub number: u64,
    /// Messages of the unit, which follow on the same lane; at least 1.
    pub messages: u32,
    /// Units that must be delivered before this one: all whose number is lower than this.
    pub after: u64,
}

impl UnitHeader {
    /// Whether everything sent before comes before it.
    pub fn is_ordered(&self) -> bool {
        self.after == self.number
    }

    /// `{number}:{messages}:{after}`
    pub(crate) fn from_wire(text: &str) -> Result<Self, DecodeError> {
        let fields: Vec<&str> = text.splitn(4, ':').collect();
        let &[number, messages, after, ..] = fields.as_slice() else {
            return Err(DecodeError::MissingFields {
                word: names::UNIT,
                expected: 3,
                found: fields.len(),
            });
        };
        let refused = |field, text| DecodeError::Field {
            word: names::UNIT,
            field,
            text: excerpt(text),
        };
        let unit = Self {
            number: digits(number).ok_or_else(|| refused("number", number))?,
            messages: digits(messages)
                .filter(|count| *count > 0)
                .ok_or_else(|| refused("message count", messages))?,
            after: digits(after).ok_or_else(|| refused("predecessor count", after))?,
        };
        if unit.after > unit.number {
            return Err(refused("predecessor count", after));
        }
        Ok(unit)
    }
}

impl fmt::Display for UnitHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            number,
            messages,
            after,
        } = self;
        write!(f, "{}::{number}:{messages}:{after}", names::UNIT)
    }
}

fn is_false(flag: &bool) -> bool {
    !flag
}

fn runs<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<[u32; 2]>, D::Error> {
    pairs(deserializer, MAX_LOST_RUNS)
}

fn late<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Vec<[u32; 2]>, D::Error> {
    pairs(deserializer, MAX_LATE_UNITS)
}

fn pairs<'de, D>(deserializer: D, most: usize) -> Result<Vec<[u32; 2]>, D::Error>
where
    D: serde::Deserializer<'de>,
{
    let mut pairs = Vec::<[JsonInt<u32>; 2]>::deserialize(deserializer)?;
    pairs.truncate(most);
    let pair = |pair: [JsonInt<u32>; 2]| pair.map(|JsonInt(number)| number);
    Ok(pairs.into_iter().map(pair).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, Message, Payload};

    fn read(text: &str) -> Result<Message, DecodeError> {
        Message::from_text(text, &Limits::default())
    }

    #[test]
    fn a_description_offers_lanes_for_shards() {
        let mut sdp = "v=0\r\nm=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\n".to_owned();
        assert_eq!(offered_shard_lanes(&sdp), 0);
        offer_shard_lanes(&mut sdp, 40);
        assert!(sdp.ends_with("\r\na=x-sleap-shard-lanes:40\r\n"), "{sdp}");
        assert_eq!(offered_shard_lanes(&sdp), 40);
        for (said, taken) in [
            ("7", 7),
            ("1000000", MAX_SHARD_LANES),
            ("-1", 0),
            ("many", 0),
            ("", 0),
        ] {
            let sdp = format!("v=0\na=x-sleap-shard-lanes:{said}\n");
            assert_eq!(offered_shard_lanes(&sdp), taken, "{said}");
        }
    }

    #[test]
    fn messages_about_lanes_have_these_forms() {
        let offer = LaneOffer {
            lane: 2,
            sdp: "v=0\r\n".into(),
            shards: false,
        };
        let lossy = LaneOffer {
            shards: true,
            ..offer.clone()
        };
        let report = ShardReport {
            closed: 9,
            sent: 40,
            arrived: 38,
            worst: 1,
            lost: vec![[3, 2]],
            late: Vec::new(),
        };
        let refusal = LaneAnswer {
            lane: 2,
            sdp: None,
            message: Some("full".into()),
        };
        let unit = UnitHeader {
            number: 7,
            messages: 4,
            after: 5,
        };
        for (message, text) in [
            (
                Message::LaneOffer(offer),
                r#"{"type":"LANE_OFFER","lane":2,"sdp":"v=0\r\n"}"#,
            ),
            (
                Message::LaneOffer(lossy),
                r#"{"type":"LANE_OFFER","lane":2,"sdp":"v=0\r\n","shards":true}"#,
            ),
            (
                Message::ShardReport(report),
                r#"{"type":"SHARD_REPORT","closed":9,"sent":40,"arrived":38,"worst":1,"lost":[[3,2]]}"#,
            ),
            (
                Message::ShardsSent(4_294_967_295),
                "SHARDS_SENT::4294967295",
            ),
            (
                Message::LaneAnswer(refusal),
                r#"{"type":"LANE_ANSWER","lane":2,"message":"full"}"#,
            ),
            (Message::Lanes(4), "LANES::4"),
            (Message::Unit(unit), "UNIT::7:4:5"),
        ] {
            assert_eq!(message.encode(), Payload::Text(text.into()));
            assert_eq!(read(text).expect(text), message);
        }
    }

    #[test]
    fn messages_about_late_shards_have_these_forms() {
        let late = ShardReport {
            late: vec![[9, 3], [11, 0]],
            ..ShardReport::default()
        };
        for (message, text) in [
            (
                Message::ShardReport(late),
                r#"{"type":"SHARD_REPORT","closed":0,"sent":0,"arrived":0,"worst":0,"late":[[9,3],[11,0]]}"#,
            ),
            (Message::ShardsKept(3000), "SHARDS_KEPT::3000"),
        ] {
            assert_eq!(message.encode(), Payload::Text(text.into()));
            assert_eq!(read(text).expect(text), message);
        }
    }

    #[test]
    fn impossible_units_are_refused() {
        for text in [
            "UNIT::",
            "UNIT::1:2",
            "UNIT::1:0:1",
            "UNIT::1:2:2",
            "UNIT::x:2:1",
            "UNIT::1:4294967296:1",
            "UNIT::-1:1:0",
            "LANES::0",
            "LANES::17",
            "LANES::x",
            "SHARDS_SENT::4294967296",
            "SHARDS_KEPT::-1",
            r#"{"type":"SHARD_REPORT","late":[[-1,2]]}"#,
            r#"{"type":"SHARD_REPORT","closed":-1}"#,
            r#"{"type":"SHARD_REPORT","lost":[[1]]}"#,
        ] {
            assert!(read(text).is_err(), "{text}");
        }
        assert!(read("UNIT::1:2:1:later").is_ok());
    }

    #[test]
    fn a_report_holds_so_many_runs_and_no_more() {
        let many = format!(
            r#"{{"type":"SHARD_REPORT","lost":[{0}[7,1]],"late":[{0}[7,1]]}}"#,
            "[5,1],".repeat(4000)
        );
        let Ok(Message::ShardReport(report)) = read(&many) else {
            panic!("not read");
        };
        assert_eq!(report.lost.len(), MAX_LOST_RUNS);
        assert_eq!(report.late.len(), MAX_LATE_UNITS);
    }
}
