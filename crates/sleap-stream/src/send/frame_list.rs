//! Numbers of frames as people write them: `3, 7-9`.

use std::fmt;

use protocol::FrameId;
use serde_json::{Value, json};

/// Ranges that are kept at most; what is beyond them is counted.
const RANGES: usize = 16;

/// Frames, counted, with the numbers of the first of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FrameList {
    /// First and last of each range.
    ranges: Vec<(FrameId, FrameId)>,
    count: u64,
}

impl FrameList {
    pub(crate) fn push(&mut self, id: FrameId) {
        self.count += 1;
        let has_room = self.ranges.len() < RANGES;
        match self.ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(id) => *last = id,
            _ if has_room => self.ranges.push((id, id)),
            _ => {}
        }
    }

    /// How many frames there are.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Pairs of first and last number, as far as they are known.
    pub(crate) fn to_json(&self) -> Value {
        json!(self.ranges)
    }

    /// Frames whose numbers are not known.
    fn unlisted(&self) -> u64 {
        let in_range = |(first, last): &(FrameId, FrameId)| (last - first).saturating_add(1);
        self.count - self.ranges.iter().map(in_range).sum::<u64>()
    }
}

impl Extend<FrameId> for FrameList {
    fn extend<T: IntoIterator<Item = FrameId>>(&mut self, ids: T) {
        ids.into_iter().for_each(|id| self.push(id));
    }
}

impl fmt::Display for FrameList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (first, last)) in self.ranges.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            match first == last {
                true => write!(f, "{comma}{first}")?,
                false => write!(f, "{comma}{first}-{last}")?,
            }
        }
        match self.unlisted() {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_one_range_and_memory_is_bounded() {
        let mut list = FrameList::default();
        list.extend([3, 7, 8, 9, u64::MAX]);
        assert_eq!(list.to_string(), format!("3, 7-9, {}", u64::MAX));
        assert_eq!(list.count(), 5);
        let mut many = FrameList::default();
        many.extend((0..1000).map(|id| 2 * id));
        assert_eq!((many.count(), many.ranges.len()), (1000, RANGES));
        assert!(many.to_string().ends_with("28, 30 and 984 more"), "{many}");
        assert_eq!(
            list.to_json(),
            json!([[3, 3], [7, 9], [u64::MAX, u64::MAX]])
        );
    }
}
