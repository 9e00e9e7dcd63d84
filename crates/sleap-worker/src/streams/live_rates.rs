//! What live streams that share a model can expect of it. Pure.
//!
//! The model gives each live stream the same number of frames a second, but none more than it asks for; files get what
//! is left, and a small part in any case. So the rate that one more live stream would get is known before it begins.

use protocol::StreamStart;

/// Frames a second that files get together where live streams take the whole model, and at most this part of its rate.
const FILES_RATE: f64 = 5.0;
const FILES_SHARE: f64 = 0.2;

/// A live stream that gets this part of what it asks for has its rate.
const ENOUGH: f64 = 0.9;

/// What a stream asks of the model.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum StreamDemand {
    /// What live streams leave.
    File,
    /// So many frames a second; infinite where the rate is not known.
    Live(f64),
}

/// The model as streams share it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LiveRoom {
    /// Frames a second of the model, as measured; `None`: not yet, or there is no model.
    pub(crate) rate: Option<f64>,
    /// Each of several live streams gets so many frames a second at least, or all that it asks for.
    pub(crate) least: f64,
}

/// There is no room for one more live stream.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct NoRoom {
    /// Live streams that run.
    pub(crate) streams: usize,
    /// Frames a second of the model.
    pub(crate) rate: f64,
    /// Those that one more stream would get.
    pub(crate) expected: f64,
    /// Those that each is to get at least.
    pub(crate) least: f64,
}

impl From<&StreamStart> for StreamDemand {
    fn from(start: &StreamStart) -> Self {
        if !start.is_live() {
            return Self::File;
        }
        // The rate is that of the source, of which every `sample_rate`-th frame is sent.
        let rate = start
            .fps
            .map(|fps| fps / f64::from(start.sample_rate.max(1)));
        Self::Live(rate.unwrap_or(f64::INFINITY))
    }
}

impl StreamDemand {
    fn live(self) -> Option<f64> {
        match self {
            Self::File => None,
            Self::Live(rate) => Some(rate),
        }
    }
}

impl NoRoom {
    /// Why, for people.
    pub(crate) fn words(&self) -> String {
        let Self {
            streams,
            rate,
            expected,
            least,
        } = self;
        let running = match streams {
            1 => "the live stream that runs takes",
            _ => "the live streams that run take",
        };
        format!(
            "the model runs at about {rate:.1} frames/s, and {running} too much of it: one more would get about \
             {expected:.1} frames/s, and each is to get {least:.1} or all that it asks for (--min-live-rate of the worker)"
        )
    }
}

impl LiveRoom {
    /// Whether a stream may begin beside these. One that would be the only live stream may, however slow the model
    /// is: it leaves frames out, and its newest ones get their poses.
    ///
    /// # Errors
    /// It, or one of the others, would get fewer frames a second than each is to have.
    pub(crate) fn admits(&self, running: &[StreamDemand], new: StreamDemand) -> Result<(), NoRoom> {
        let (Some(rate), StreamDemand::Live(asked)) = (self.rate, new) else {
            return Ok(());
        };
        let others: Vec<f64> = running.iter().filter_map(|it| it.live()).collect();
        if others.is_empty() {
            return Ok(());
        }
        let live_rate = live_rate(rate, running);
        let needed: f64 = others
            .iter()
            .chain([&asked])
            .map(|it| it.min(self.least))
            .sum();
        match needed <= live_rate {
            true => Ok(()),
            false => Err(NoRoom {
                streams: others.len(),
                rate,
                expected: share(live_rate, &others, asked),
                least: self.least,
            }),
        }
    }

    /// The frames a second that a stream beside these others can expect, where it does not get what it asks for.
    pub(crate) fn expected(&self, others: &[StreamDemand], own: StreamDemand) -> Option<f64> {
        let (Some(rate), StreamDemand::Live(asked)) = (self.rate, own) else {
            return None;
        };
        let live: Vec<f64> = others.iter().filter_map(|it| it.live()).collect();
        let expected = share(live_rate(rate, others), &live, asked);
        (expected < asked * ENOUGH).then_some(expected)
    }
}

/// What the model has for live streams.
fn live_rate(rate: f64, streams: &[StreamDemand]) -> f64 {
    let files = match streams.contains(&StreamDemand::File) {
        true => FILES_RATE.min(rate * FILES_SHARE),
        false => 0.0,
    };
    rate - files
}

/// The part of a rate that is left for a stream that asks for so much beside others: all get the same, and none more
/// than it asks for.
fn share(rate: f64, others: &[f64], own: f64) -> f64 {
    let mut asked: Vec<f64> = others.iter().copied().chain([own]).collect();
    asked.sort_by(f64::total_cmp);
    let (mut left, mut streams) = (rate.max(0.0), asked.len());
    for one in asked {
        let equal = left / streams as f64;
        if one > equal {
            return own.min(equal);
        }
        left -= one;
        streams -= 1;
    }
    own
}

#[cfg(test)]
mod tests {
    use super::StreamDemand::{File, Live};
    use super::*;

    const UNKNOWN: StreamDemand = Live(f64::INFINITY);

    fn room(rate: f64) -> LiveRoom {
        LiveRoom {
            rate: Some(rate),
            least: 1.0,
        }
    }

    #[test]
    fn a_stream_that_is_faster_than_the_model_is_never_refused_alone() {
        for rate in [0.01, 1.0, 100.0] {
            for new in [Live(1000.0), UNKNOWN] {
                assert_eq!(room(rate).admits(&[], new), Ok(()));
                assert_eq!(room(rate).admits(&[File; 9], new), Ok(()));
            }
            assert_eq!(room(rate).admits(&[UNKNOWN; 9], File), Ok(()), "files wait");
        }
        assert_eq!(room(20.0).expected(&[], Live(30.0)), Some(20.0));
        assert_eq!(room(28.0).expected(&[], Live(30.0)), None, "as good as all");
    }

    #[test]
    fn without_a_measurement_nothing_is_refused_or_promised() {
        let room = LiveRoom {
            rate: None,
            least: 1e9,
        };
        assert_eq!(room.admits(&[UNKNOWN; 3], Live(30.0)), Ok(()));
        assert_eq!(room.expected(&[UNKNOWN; 3], Live(30.0)), None);
    }

    #[test]
    fn slow_streams_get_their_rate_and_fast_ones_share_the_rest() {
        let others = [Live(10.0), Live(30.0)];
        assert_eq!(room(100.0).expected(&others, Live(30.0)), None);
        assert_eq!(room(50.0).expected(&others, Live(30.0)), Some(20.0));
        assert_eq!(room(50.0).expected(&others, Live(5.0)), None);
        assert_eq!(room(30.0).expected(&others, UNKNOWN), Some(10.0));
        assert_eq!(
            room(45.0).expected(&[UNKNOWN, File], Live(30.0)),
            Some(20.0)
        );
        assert_eq!(room(50.0).expected(&others, File), None);
    }

    #[test]
    fn there_is_room_while_each_gets_the_least() {
        let eight = [Live(30.0); 8];
        assert!(room(20.0).admits(&eight, Live(30.0)).is_ok());
        let refused = room(8.0).admits(&eight, Live(30.0)).unwrap_err();
        assert_eq!(
            (refused.streams, refused.rate, refused.least),
            (8, 8.0, 1.0)
        );
        assert!((refused.expected - 8.0 / 9.0).abs() < 1e-9);
        // A stream that asks for less than the least needs no more than that.
        assert!(room(8.2).admits(&eight, Live(0.1)).is_ok());
        let whole = LiveRoom {
            rate: Some(100.0),
            least: 30.0,
        };
        assert!(whole.admits(&[Live(25.0); 3], Live(25.0)).is_ok());
        assert!(whole.admits(&[Live(30.0); 3], Live(30.0)).is_err());
    }
}
