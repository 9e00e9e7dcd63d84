//! What the fuzz target does with the lanes of one channel.

use protocol::UnitHeader;

use super::merge::{LaneEvent, UnitMerger};

const LANES: usize = 3;
const HELD_BYTES: usize = 12_000;
const MAX_UNIT_BYTES: usize = 20_000;

/// A row of arrivals. First byte: the lane, and whether it is a unit; then number, messages and
/// after of a unit, or the length of a message, in bytes and pairs of bytes.
///
/// No message is given out twice, and what is held is bounded.
pub fn merge(mut data: &[u8]) {
    let mut merge = UnitMerger::new(HELD_BYTES, MAX_UNIT_BYTES);
    (0..LANES).for_each(|_| merge.add_lane());
    let mut given = 0;
    let mut pushed = 0;
    while let Some(([kind, a, b, c], rest)) = data.split_first_chunk() {
        data = rest;
        let lane = usize::from(kind % LANES as u8);
        if merge.is_paused(lane) {
            continue;
        }
        let arrival = if kind & 0x80 != 0 {
            LaneEvent::Unit(UnitHeader {
                number: u64::from(*a),
                messages: u32::from(*b),
                after: u64::from(*c),
            })
        } else {
            pushed += 1;
            LaneEvent::Message {
                message: pushed,
                bytes: usize::from(u16::from_le_bytes([*a, *b])),
            }
        };
        // A peer that breaks the rules is cut off.
        if merge.push(lane, arrival).is_err() || merge.check_progress().is_err() {
            return;
        }
        while merge.pop().is_some() {
            given += 1;
        }
        assert!(given <= pushed);
        assert!(merge.held() <= HELD_BYTES + LANES * 2 * (MAX_UNIT_BYTES + 65_536 + 256));
    }
}
