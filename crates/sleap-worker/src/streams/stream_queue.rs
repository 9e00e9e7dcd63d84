//! The clients that wait for the running stream to end, in the order in which they came. No clock.

use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use crate::admission::ClientSlot;

/// A waiting client that has not asked again for so long holds back no other.
const MAX_SILENCE: Duration = Duration::from_secs(5);

/// Clients that were refused because another one streams. Each asks again by itself.
#[derive(Debug, Default)]
pub(super) struct StreamQueue(Vec<WaitingClient>);

#[derive(Debug)]
struct WaitingClient {
    slot: Weak<ClientSlot>,
    asked: Instant,
}

impl WaitingClient {
    fn is(&self, slot: &ClientSlot) -> bool {
        std::ptr::eq(self.slot.as_ptr(), slot)
    }
}

impl StreamQueue {
    /// Puts a client at the end of the queue, unless it is there. Its position: 1 is the next.
    pub(super) fn wait(&mut self, slot: &Arc<ClientSlot>, now: Instant) -> usize {
        self.remove_silent(now);
        let position = self.0.iter().position(|client| client.is(slot));
        let index = position.unwrap_or(self.0.len());
        match self.0.get_mut(index) {
            Some(client) => client.asked = now,
            None => self.0.push(WaitingClient {
                slot: Arc::downgrade(slot),
                asked: now,
            }),
        }
        index + 1
    }

    /// Whether no other client is ahead of this one, which asks now.
    pub(super) fn is_next(&mut self, slot: &ClientSlot, now: Instant) -> bool {
        if let Some(client) = self.0.iter_mut().find(|client| client.is(slot)) {
            client.asked = now;
        }
        self.remove_silent(now);
        self.0.first().is_none_or(|first| first.is(slot))
    }

    /// Takes a client out.
    pub(super) fn leave(&mut self, slot: &ClientSlot) {
        self.0.retain(|client| !client.is(slot));
    }

    /// Takes out clients that have left, or have not asked again.
    fn remove_silent(&mut self, now: Instant) {
        self.0.retain(|client| {
            let silence = now.saturating_duration_since(client.asked);
            client.slot.strong_count() > 0 && silence <= MAX_SILENCE
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn slots<const N: usize>(now: Instant) -> [Arc<ClientSlot>; N] {
        std::array::from_fn(|_| Arc::new(ClientSlot::new(now)))
    }

    #[test]
    fn clients_stream_in_the_order_in_which_they_came() {
        let now = Instant::now();
        let mut queue = StreamQueue::default();
        let [first, second, new] = slots(now);
        assert!(queue.is_next(&first, now), "no client waits");
        assert_eq!(queue.wait(&first, now), 1);
        assert_eq!(queue.wait(&second, now), 2);
        assert_eq!(queue.wait(&first, now), 1, "its place is kept");
        assert!(queue.is_next(&first, now));
        assert!(!queue.is_next(&second, now) && !queue.is_next(&new, now));
        queue.leave(&first);
        assert_eq!(queue.wait(&second, now), 1);
        assert!(queue.is_next(&second, now));
    }

    #[test]
    fn a_client_that_left_or_stopped_asking_holds_back_no_other() {
        let now = Instant::now();
        let mut queue = StreamQueue::default();
        let [left, silent, third] = slots(now);
        for slot in [&left, &silent, &third] {
            queue.wait(slot, now);
        }
        drop(left);
        assert!(!queue.is_next(&third, now));
        let later = now + MAX_SILENCE;
        assert_eq!(queue.wait(&third, later), 2);
        let still_later = later + Duration::from_secs(1);
        assert!(queue.is_next(&third, still_later), "the other is silent");
        assert_eq!(queue.wait(&silent, still_later), 2, "it is behind now");
    }
}
