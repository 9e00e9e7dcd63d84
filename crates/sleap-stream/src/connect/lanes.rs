//! How many lanes a stream gets.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use link::{Receiver, Sender};
use protocol::{MAX_LANES, StreamAck};

/// What `auto` means where the path is long.
const AUTO_LANES: usize = 8;

/// Shorter paths repair a loss so soon that one lane is enough.
const LONG_ROUND_TRIP: Duration = Duration::from_millis(5);

/// The option `--lanes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaneCount {
    /// Several where the path is long.
    Auto,
    /// This many.
    Fixed(usize),
}

/// The text is no number of lanes.
#[derive(Debug, PartialEq, Eq)]
pub struct ParseLaneCountError;

impl fmt::Display for ParseLaneCountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "give a number from 1 to {MAX_LANES}, or auto")
    }
}

impl std::error::Error for ParseLaneCountError {}

impl FromStr for LaneCount {
    type Err = ParseLaneCountError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.parse() {
            _ if text == "auto" => Ok(Self::Auto),
            Ok(lanes) if (1..=MAX_LANES).contains(&lanes) => Ok(Self::Fixed(lanes)),
            _ => Err(ParseLaneCountError),
        }
    }
}

/// Opens the lanes that are requested, as far as the worker takes them, and warns where they are fewer.
pub(crate) async fn open(
    wanted: LaneCount,
    ack: &StreamAck,
    sender: &Sender,
    receiver: &mut Receiver,
) {
    let wanted = match wanted {
        LaneCount::Fixed(lanes) => lanes,
        LaneCount::Auto => {
            let round_trip = sender.path().await.and_then(|path| path.round_trip);
            match round_trip {
                Some(time) if time >= LONG_ROUND_TRIP => AUTO_LANES,
                _ => 1,
            }
        }
    };
    if wanted == 1 {
        return;
    }
    let taken = ack.lanes.map_or(1, |lanes| lanes as usize).max(1);
    let lanes = match wanted.min(taken) {
        1 => 1,
        lanes => sender.open_lanes(receiver, lanes).await,
    };
    if lanes < wanted {
        tracing::warn!(
            wanted,
            lanes,
            taken_by_worker = taken,
            "fewer lanes than asked for"
        );
    } else {
        tracing::info!(lanes, "lanes are open");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lanes_are_a_number_or_auto() {
        assert_eq!("auto".parse(), Ok(LaneCount::Auto));
        assert_eq!("8".parse(), Ok(LaneCount::Fixed(8)));
        for text in ["0", "17", "-1", "many", ""] {
            assert!(text.parse::<LaneCount>().is_err(), "{text}");
        }
    }
}
