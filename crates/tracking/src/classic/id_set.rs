//! The order in which CPython walks a set of small numbers.
//!
//! sleap-nn's fixed window collects the tracks of the last frames in a `set`. The order of the set
//! is the order of the columns of its cost matrix, and decides between assignments of equal cost.

/// Slots that are looked at one after the other before jumping.
const LINEAR_PROBES: usize = 9;
const PERTURB_SHIFT: u32 = 5;
const MIN_SLOTS: usize = 8;
/// The hash of `None` since CPython 3.12.
const NONE_HASH: u64 = 0xFCA8_6420;

/// A set that keeps CPython's order.
pub(crate) struct IdSet {
    slots: Vec<Option<Option<u32>>>,
    used: usize,
}

impl IdSet {
    pub(crate) fn new() -> Self {
        Self {
            slots: vec![None; MIN_SLOTS],
            used: 0,
        }
    }

    pub(crate) fn insert(&mut self, id: Option<u32>) {
        let slot = self.slot(id);
        if self.slots[slot].is_some() {
            return;
        }
        self.slots[slot] = Some(id);
        self.used += 1;
        if self.used * 5 >= (self.slots.len() - 1) * 3 {
            self.grow();
        }
    }

    /// The numbers in their order.
    pub(crate) fn into_ids(self) -> Vec<Option<u32>> {
        self.slots.into_iter().flatten().collect()
    }

    /// Where the number is, or where it goes.
    fn slot(&self, id: Option<u32>) -> usize {
        let mask = self.slots.len() - 1;
        let mut perturb = id.map_or(NONE_HASH, u64::from);
        let mut at = perturb as usize & mask;
        loop {
            let probes = if at + LINEAR_PROBES <= mask {
                LINEAR_PROBES
            } else {
                0
            };
            let found = (at..=at + probes)
                .find(|slot| self.slots[*slot].is_none_or(|in_slot| in_slot == id));
            if let Some(slot) = found {
                return slot;
            }
            perturb >>= PERTURB_SHIFT;
            at = (at * 5 + 1 + perturb as usize) & mask;
        }
    }

    fn grow(&mut self) {
        const LARGE: usize = 50_000;
        let wanted = if self.used > LARGE {
            self.used * 2
        } else {
            self.used * 4
        };
        let mut slots = MIN_SLOTS;
        while slots <= wanted {
            slots *= 2;
        }
        let old = std::mem::replace(&mut self.slots, vec![None; slots]);
        for id in old.into_iter().flatten() {
            let slot = self.slot(id);
            self.slots[slot] = Some(id);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(ids: impl IntoIterator<Item = u32>) -> Vec<u32> {
        let mut set = IdSet::new();
        for id in ids {
            set.insert(Some(id));
        }
        set.into_ids().into_iter().flatten().collect()
    }

    #[test]
    fn the_order_is_that_of_cpython() {
        // list(set) of CPython 3.11.
        assert_eq!(order([3, 1, 2, 1, 0]), [0, 1, 2, 3]);
        assert_eq!(order([100, 7, 33, 8]), [8, 33, 100, 7]);
        assert_eq!(
            order((0..12).map(|i| 1000 - 37 * i)),
            [704, 963, 741, 1000, 778, 815, 593, 852, 630, 889, 667, 926]
        );
        assert_eq!(
            order([31, 63, 95, 127, 1, 2, 64]),
            [64, 1, 2, 31, 63, 95, 127]
        );
    }
}
