//! Which lanes a stream gets.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Result, bail};
use link::{Receiver, Sender};
use protocol::{MAX_LANES, StreamAck, StreamStart};

use crate::connect::handshake::returns_results;

/// What `auto` means for frames that all count, where the path is long.
const AUTO_LANES: usize = 8;

/// Shorter paths repair a loss so soon that one lane is enough.
const LONG_ROUND_TRIP: Duration = Duration::from_millis(5);

/// Hardly any delay of a busy machine is mistaken for so long a path.
const PLAINLY_LONG_ROUND_TRIP: Duration = Duration::from_millis(15);

/// The option `--lanes`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LaneCount {
    /// Several where the path is long.
    Auto,
    /// Lanes that wait for nothing that is lost: frames go over them in shards with parity.
    Coded,
    /// This many.
    Fixed(usize),
}

/// The text is no number of lanes.
#[derive(Debug, PartialEq, Eq)]
pub struct ParseLaneCountError;

impl fmt::Display for ParseLaneCountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "give coded, a number from 1 to {MAX_LANES}, or auto")
    }
}

impl std::error::Error for ParseLaneCountError {}

impl FromStr for LaneCount {
    type Err = ParseLaneCountError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => return Ok(Self::Auto),
            "coded" => return Ok(Self::Coded),
            _ => {}
        }
        match text.parse() {
            Ok(lanes) if (1..=MAX_LANES).contains(&lanes) => Ok(Self::Fixed(lanes)),
            _ => Err(ParseLaneCountError),
        }
    }
}

/// The lanes that a stream is to have.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LanePlan {
    /// As the options say; `None`: they do not.
    wanted: Option<LaneCount>,
    /// The newest frame wins, and each stands for itself.
    is_live: bool,
    /// Each frame stands for itself, and none may be left out: those that arrive incomplete are completed.
    keeps_all: bool,
    /// Frames are compressed: raw ones have thousands of packets each.
    is_compressed: bool,
    /// Bytes of a frame, about.
    frame_bytes: usize,
}

impl LanePlan {
    /// The plan for the stream that is announced with `start`. `is_live`: newer frames may overtake older ones.
    pub(crate) fn new(wanted: Option<LaneCount>, is_live: bool, start: &StreamStart) -> Self {
        Self {
            wanted,
            is_live: is_live && start.batch_size <= 1,
            keeps_all: !is_live
                && start.is_webcam
                && start.batch_size <= 1
                && wanted == Some(LaneCount::Coded),
            is_compressed: start.jpeg_quality.is_some(),
            frame_bytes: frame_bytes(start),
        }
    }

    /// Fails where frames cannot go as the options say.
    pub(crate) fn check(&self) -> Result<()> {
        if self.wanted == Some(LaneCount::Coded) && !self.is_live && !self.keeps_all {
            bail!(
                "--lanes coded is for frames that come at their time and stand for themselves: it needs --live for a \
                 file, and does not go with --batch-size"
            );
        }
        Ok(())
    }

    /// Begins to open lanes for shards before the worker has answered, where its description offers them: their handshakes
    /// go on while it prepares the stream.
    pub(crate) async fn open_early(&self, sender: &Sender) {
        let offered = sender.offered_shard_lanes();
        if offered == 0 || !(self.is_live || self.keeps_all) {
            return;
        }
        let is_wanted = match self.wanted {
            Some(LaneCount::Fixed(_)) => false,
            Some(LaneCount::Coded) => true,
            // One measurement is there yet: a way that is not plainly long is looked at again.
            Some(LaneCount::Auto) | None => {
                let way = Way::of(sender, Duration::MAX).await;
                way.is_plainly_long && self.takes_shards(&way)
            }
        };
        if is_wanted {
            self.open_shard_lanes(offered, sender);
        }
    }

    /// Opens as many lanes for shards as such frames need, `most` at most, and returns at once.
    pub(crate) fn open_shard_lanes(&self, most: usize, sender: &Sender) {
        sender.open_shard_lanes(most, self.frame_bytes);
    }

    /// The same, and waits until frames go over them, or will not for a while.
    async fn open_coded(&self, most: usize, sender: &Sender, receiver: &mut Receiver) {
        self.open_shard_lanes(most, sender);
        sender.shard_lanes_settled(receiver).await;
    }

    /// Whether frames of this kind go in shards over such a way.
    fn takes_shards(&self, way: &Way) -> bool {
        // A TURN server bounds what each of its users may have open.
        self.is_compressed && !way.is_relayed
    }

    /// Opens the lanes, as far as the worker takes them. `answered_after`: how long it took for the worker to answer.
    /// Returns how many lanes for shards may be open once losses show.
    pub(crate) async fn open(
        &self,
        ack: &StreamAck,
        answered_after: Duration,
        sender: &Sender,
        receiver: &mut Receiver,
    ) -> usize {
        let shards = ack.shard_lanes.map_or(0, |lanes| lanes as usize);
        let takes_such_frames = self.is_live || (self.keeps_all && ack.late_shards);
        let shards = match takes_such_frames && returns_results(ack) {
            true => shards,
            false => 0,
        };
        let (lanes, spare) = match self.wanted {
            Some(LaneCount::Fixed(lanes)) => (lanes, 0),
            Some(LaneCount::Coded) if shards == 0 => {
                tracing::warn!(
                    "this worker takes no coded lanes for such frames; they go over one connection"
                );
                (1, 0)
            }
            Some(LaneCount::Coded) => {
                if self.keeps_all {
                    sender.keep_shards();
                }
                self.open_coded(shards, sender, receiver).await;
                return 0;
            }
            Some(LaneCount::Auto) | None => {
                let way = Way::of(sender, answered_after).await;
                let shards = match self.takes_shards(&way) {
                    true => shards,
                    false => 0,
                };
                if way.is_long && shards > 0 {
                    self.open_coded(shards, sender, receiver).await;
                    return 0;
                } else if way.is_long && self.wanted.is_some() {
                    (AUTO_LANES, 0)
                } else {
                    (1, shards)
                }
            }
        };
        // Those that were begun early, and are of no use here.
        sender.end_shard_lanes();
        open_reliable(lanes, ack, sender, receiver).await;
        spare
    }
}

/// What the way to the worker is like.
#[derive(Debug, Default)]
struct Way {
    /// A loss costs much.
    is_long: bool,
    /// The same beyond what a busy machine adds.
    is_plainly_long: bool,
    /// A TURN server is on it.
    is_relayed: bool,
}

impl Way {
    /// A busy machine delays one of the two measurements of the round trip, but hardly both.
    async fn of(sender: &Sender, answered_after: Duration) -> Self {
        let Some(path) = sender.path().await else {
            return Self::default();
        };
        let round_trip = path.round_trip.map(|time| time.min(answered_after));
        Self {
            is_long: round_trip.is_some_and(|time| time >= LONG_ROUND_TRIP),
            is_plainly_long: round_trip.is_some_and(|time| time >= PLAINLY_LONG_ROUND_TRIP),
            is_relayed: path.is_relayed(),
        }
    }
}

/// Bytes of a frame, about, before the first one is encoded. Pictures differ by a factor of three, and lanes come and go.
fn frame_bytes(start: &StreamStart) -> usize {
    let pixels = u64::from(start.width) * u64::from(start.height);
    // Tenths of a bit.
    let per_pixel = match start.jpeg_quality {
        Some(0..=60) => 6,
        Some(61..=85) => 10,
        Some(86..=93) => 16,
        Some(_) => 30,
        None => 80,
    };
    usize::try_from(pixels.saturating_mul(per_pixel) / 80).unwrap_or(usize::MAX)
}

/// Opens lanes that keep every frame, and warns where they are fewer than were requested.
async fn open_reliable(wanted: usize, ack: &StreamAck, sender: &Sender, receiver: &mut Receiver) {
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
    fn lanes_are_a_number_or_a_word() {
        assert_eq!("auto".parse(), Ok(LaneCount::Auto));
        assert_eq!("coded".parse(), Ok(LaneCount::Coded));
        assert_eq!("8".parse(), Ok(LaneCount::Fixed(8)));
        for text in ["0", "17", "-1", "many", ""] {
            assert!(text.parse::<LaneCount>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_bytes_of_a_frame_are_guessed_from_its_size_and_quality() {
        let bytes = |width, height, jpeg_quality| {
            frame_bytes(&StreamStart {
                width,
                height,
                jpeg_quality,
                ..StreamStart::default()
            })
        };
        assert_eq!(bytes(640, 480, Some(80)), 38_400);
        assert_eq!(bytes(1920, 1080, Some(80)), 259_200);
        assert_eq!(bytes(1920, 1080, Some(30)), 155_520);
        assert_eq!(bytes(640, 480, None), 307_200);
        assert!(bytes(u32::MAX, u32::MAX, Some(100)) > 0);
        assert_eq!(bytes(0, 0, Some(80)), 0);
    }

    #[test]
    fn only_frames_that_stand_for_themselves_are_coded() {
        let coded = |is_live, is_webcam, batch_size| {
            let start = StreamStart {
                batch_size,
                is_webcam,
                ..StreamStart::default()
            };
            LanePlan::new(Some(LaneCount::Coded), is_live, &start).check()
        };
        for is_webcam in [false, true] {
            assert!(coded(true, is_webcam, 1).is_ok());
            let error = coded(true, is_webcam, 4).unwrap_err().to_string();
            assert!(error.contains("--batch-size"), "{error}");
        }
        assert!(coded(false, true, 1).is_ok(), "--every-frame of a camera");
        let error = coded(false, false, 1).unwrap_err().to_string();
        assert!(error.contains("--live"), "{error}");
    }
}
