//! What a driver says of its time stamps.

use crate::cameras::stamps::{StampClock, StampEdge, Stamps};

const STAMP_MASK: u32 = 0xe000;
const STAMP_UNKNOWN: u32 = 0;
const STAMP_MONOTONIC: u32 = 0x2000;
const EDGE_MASK: u32 = 0x7_0000;
const EDGE_END: u32 = 0;
const EDGE_START: u32 = 0x1_0000;

/// Of a buffer's flags.
pub(super) fn stamps(flags: u32) -> Stamps {
    let clock = match flags & STAMP_MASK {
        STAMP_MONOTONIC => StampClock::Monotonic,
        STAMP_UNKNOWN => StampClock::Unknown,
        _ => StampClock::Other,
    };
    // Drivers that do not name the clock do not name the edge either.
    let edge = match flags & EDGE_MASK {
        _ if clock != StampClock::Monotonic => None,
        EDGE_START => Some(StampEdge::Start),
        EDGE_END => Some(StampEdge::End),
        _ => None,
    };
    Stamps { clock, edge }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_say_which_clock_and_which_end_of_the_exposure() {
        let of = |flags| {
            let stamps = stamps(flags);
            (stamps.clock, stamps.edge)
        };
        let monotonic = StampClock::Monotonic;
        assert_eq!(of(0x0001_2001), (monotonic, Some(StampEdge::Start)));
        assert_eq!(of(0x0000_2001), (monotonic, Some(StampEdge::End)));
        assert_eq!(of(0x0002_2001), (monotonic, None));
        assert_eq!(of(0x0001_0001), (StampClock::Unknown, None));
        assert_eq!(of(0x0000_4001), (StampClock::Other, None));
    }
}
