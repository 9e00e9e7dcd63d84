//! The order in which calls of the model are passed on, where several devices run them at the same time. Pure.
//!
//! Calls end in any order. What a call gave is passed on once every earlier call with frames of the same streams has
//! been: each stream keeps its order, and one does not wait for the calls of another.

use std::collections::VecDeque;

/// A call that was taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct CallNumber(u64);

/// Whose frames a call has, or what a mark is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CallStreams<S> {
    /// All streams: everything before it comes first, everything after it later.
    All,
    /// These.
    Only(Vec<S>),
}

/// The calls that were taken and not passed on.
#[derive(Debug)]
pub(super) struct CallOrder<S, T> {
    calls: VecDeque<TakenCall<S, T>>,
    next: u64,
    /// How many of them are complete.
    complete: usize,
}

#[derive(Debug)]
struct TakenCall<S, T> {
    number: u64,
    streams: CallStreams<S>,
    /// `None` while it runs.
    output: Option<T>,
}

impl<S: PartialEq> CallStreams<S> {
    /// The streams of these frames, each once.
    pub(super) fn of(streams: impl Iterator<Item = S>) -> Self {
        let mut only = Vec::with_capacity(1);
        for stream in streams {
            if !only.contains(&stream) {
                only.push(stream);
            }
        }
        Self::Only(only)
    }

    fn shares_one_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Only(own), Self::Only(others)) => own.iter().any(|one| others.contains(one)),
            _ => true,
        }
    }
}

impl<S: PartialEq, T> CallOrder<S, T> {
    /// Without calls.
    pub(super) fn new() -> Self {
        Self {
            calls: VecDeque::new(),
            next: 0,
            complete: 0,
        }
    }

    /// A device takes a call.
    pub(super) fn begin(&mut self, streams: CallStreams<S>) -> CallNumber {
        let number = self.next;
        self.next += 1;
        self.calls.push_back(TakenCall {
            number,
            streams,
            output: None,
        });
        CallNumber(number)
    }

    /// A call is complete, and gave this.
    pub(super) fn complete(&mut self, call: CallNumber, output: T) {
        let mut calls = self.calls.iter_mut();
        if let Some(taken) = calls.find(|taken| taken.number == call.0)
            && taken.output.replace(output).is_none()
        {
            self.complete += 1;
        }
    }

    /// How many are complete and not passed on.
    pub(super) fn complete_calls(&self) -> usize {
        self.complete
    }

    /// What is passed on next, if there is anything.
    pub(super) fn take(&mut self) -> Option<T> {
        let is_next = |index: &usize| {
            let call = &self.calls[*index];
            let mut earlier = self.calls.iter().take(*index);
            call.output.is_some() && !earlier.any(|it| it.streams.shares_one_with(&call.streams))
        };
        let index = (0..self.calls.len()).find(is_next)?;
        let output = self.calls.remove(index)?.output?;
        self.complete -= 1;
        Some(output)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(streams: &str) -> CallStreams<char> {
        CallStreams::of(streams.chars())
    }

    fn taken(order: &mut CallOrder<char, u32>) -> Vec<u32> {
        std::iter::from_fn(|| order.take()).collect()
    }

    #[test]
    fn a_stream_keeps_its_order_and_waits_for_no_other() {
        let mut order = CallOrder::new();
        let [first, second, other] = ["a", "ab", "c"].map(|streams| order.begin(only(streams)));
        order.complete(other, 3);
        order.complete(second, 2);
        assert_eq!(order.complete_calls(), 2);
        assert_eq!(taken(&mut order), [3]);
        // What follows a call that waits waits too.
        let third = order.begin(only("b"));
        order.complete(third, 4);
        assert!(taken(&mut order).is_empty());
        order.complete(first, 1);
        assert_eq!(taken(&mut order), [1, 2, 4]);
        assert_eq!(order.complete_calls(), 0);
    }

    #[test]
    fn what_is_about_all_streams_comes_between_the_calls() {
        let mut order = CallOrder::new();
        let before = order.begin(only("a"));
        let all = order.begin(CallStreams::All);
        order.complete(all, 2);
        let after = order.begin(only("b"));
        order.complete(after, 3);
        assert!(taken(&mut order).is_empty());
        order.complete(before, 1);
        assert_eq!(taken(&mut order), [1, 2, 3]);
    }

    #[test]
    fn every_order_of_ends_keeps_the_order_of_each_stream() {
        const CALLS: [&str; 6] = ["a", "b", "ab", "c", "ac", "b"];
        let orders = permutations(&[0, 1, 2, 3, 4, 5]);
        assert_eq!(orders.len(), 720);
        for ends in orders {
            let mut order = CallOrder::new();
            let calls = CALLS.map(|streams| order.begin(only(streams)));
            let mut passed = Vec::new();
            for index in &ends {
                order.complete(calls[*index], *index as u32);
                passed.extend(taken(&mut order));
            }
            assert_eq!(passed.len(), CALLS.len(), "{ends:?}");
            for stream in "abc".chars() {
                let mut own = passed.iter().copied();
                let mut own = own
                    .by_ref()
                    .filter(|call| CALLS[*call as usize].contains(stream));
                assert!(own.by_ref().is_sorted(), "{ends:?}: {passed:?}");
            }
        }
    }

    fn permutations(of: &[usize]) -> Vec<Vec<usize>> {
        if of.is_empty() {
            return vec![Vec::new()];
        }
        let with_first = |first: &usize| {
            let rest: Vec<usize> = of.iter().copied().filter(|it| it != first).collect();
            let rests = permutations(&rest).into_iter();
            rests
                .map(|rest| [&[*first], &rest[..]].concat())
                .collect::<Vec<_>>()
        };
        of.iter().flat_map(with_first).collect()
    }
}
