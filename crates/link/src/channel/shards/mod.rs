//! Live frames and their answers in shards, over lanes that lose messages.
//!
//! ```text
//!  SendTask ── ShardDealer ──▶ lanes, each message sent once ──▶ CollectTask ──▶ Receiver
//!                  ▲  SentUnits                                      │
//!                  └──────── SHARD_REPORT, over the channel ◀────────┘
//! ```
//!
//! One association has one congestion window, and in a reliable one everything waits for what was lost.
//! Here a frame is cut into shards with parity ([`protocol::coded`]), which are dealt over many lanes:
//! enough of them give the frame, and none is waited for. Lanes come and go while the channel goes on; it
//! does not depend on them. Where losses keep the windows of all lanes small, there are more of them; where nothing is lost, shards
//! are large and few. Everything else keeps its place in the channel.

mod collect;
mod dealer;
mod dealt_lane;
mod demand;
mod kept;
mod ledger;
mod ordered;
mod ready;
mod set;
mod wide;

use std::time::Duration;

pub(crate) use collect::UnitSource;
pub(crate) use dealer::ShardDealer;
pub(crate) use ledger::SentUnit;
pub(crate) use set::ShardLanes;

/// Fewer lanes are not used: each loss halves the window of one.
const MIN_LANES: usize = 4;

/// Lanes that are opened at first, at least.
const FIRST_LANES: usize = 16;

/// The same where the round trip is long: a frame that waits for windows to grow waits for round trips.
const FIRST_LANES_FAR: usize = 28;

/// A way with a longer round trip begins with more lanes.
const FAR: Duration = Duration::from_millis(80);

/// What SCTP lets be under way in a new lane, and after each loss.
const FIRST_WINDOW_BYTES: usize = 4800;

/// Before its first frame a stream waits for most of its lanes: for the first [`MIN_LANES`] not longer than the one, and
/// for the others then not longer than the other.
const READY_WAIT: Duration = Duration::from_millis(1500);
const READY_GRACE: Duration = Duration::from_millis(120);

/// Datagrams of a lane that are sent twice: what its handshakes have.
pub(crate) const LANE_REPEATS: u32 = 10;

/// How many are added where losses keep the windows of those that are open too small.
pub(crate) const MORE_LANES: usize = 12;

/// Longest time that one lane may take to open, on both sides: another attempt is sooner there than a handshake
/// that has lost packets several times.
pub(crate) const OPEN_TIMEOUT: Duration = Duration::from_secs(6);

/// Bytes that may lie in one lane unacknowledged before another one is taken.
const LANE_BYTES: usize = 64 << 10;

/// Lanes to begin with for frames of about so many bytes: two of them are under way before a window has grown.
pub(crate) fn first_lanes(frame_bytes: usize, round_trip: Option<Duration>) -> usize {
    let least = match round_trip {
        Some(time) if time >= FAR => FIRST_LANES_FAR,
        _ => FIRST_LANES,
    };
    let under_way = frame_bytes.saturating_mul(2);
    under_way.div_ceil(FIRST_WINDOW_BYTES).max(least)
}

/// How long shards may come after a message that was sent after them, over the channel.
const LATE_SHARDS: Duration = Duration::from_millis(200);

/// How long both sides keep what was sent, and wait for shards that are asked for, where every frame counts: a request
/// may wait for SCTP's second.
pub(crate) const LATE_FOR: Duration = Duration::from_secs(3);

/// So long after the last unit, with none behind it whose arrival tells that it is lost, the receiver is
/// told how many there were.
const LAST_UNIT_PAUSE: Duration = Duration::from_millis(100);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_frames_begin_with_more_lanes() {
        let ms = |ms| Some(Duration::from_millis(ms));
        assert_eq!(first_lanes(25_000, ms(50)), FIRST_LANES);
        assert_eq!(first_lanes(25_000, ms(100)), FIRST_LANES_FAR);
        assert_eq!(first_lanes(60_000, None), 25);
        assert_eq!(first_lanes(200_000, ms(100)), 84);
        assert!(first_lanes(usize::MAX, None) > 84);
    }
}
