//! The queue of one subscriber: bounded, the oldest message is dropped first. It also measures whether
//! the subscriber uses it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use net::{Evict, Idle};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::topics;

/// The most messages in the queue: at 100 poses a second a pose at its end is more than half a second
/// old, too late for a consumer.
const MAX_MESSAGES: usize = 64;

/// The most bytes in the queue. A larger message is queued alone.
const MAX_BYTES: usize = 1 << 20;

/// The most topics of a subscriber; three are published.
const MAX_TOPICS: usize = 16;

/// A subscriber that does not take a message, or does not answer a PING, for so long counts as idle.
const IDLE_AFTER: Duration = Duration::from_secs(10);

/// A message on the wire, and its topic.
#[derive(Debug, Clone)]
pub(super) struct QueuedMessage {
    pub(super) topic: &'static str,
    pub(super) bytes: Bytes,
    /// Whether its loss is counted.
    pub(super) counts: bool,
}

/// The messages for one subscriber.
#[derive(Debug)]
pub(super) struct SubscriberQueue {
    state: Mutex<State>,
    changed: Notify,
    /// Another subscriber has replaced this one.
    evicted: CancellationToken,
}

#[derive(Debug)]
struct State {
    topics: Vec<Vec<u8>>,
    waiting: VecDeque<QueuedMessage>,
    /// Bytes of the queued messages.
    bytes: usize,
    /// Sent before everything else. A peer that sends several PINGs gets the last PONG.
    pong: Option<Bytes>,
    /// A PING from this side, sent before messages.
    ping: Option<Bytes>,
    /// No more messages are queued.
    closed: bool,
    /// Since when it subscribes to no published topic; `None` while it does.
    unsubscribed: Option<Instant>,
    /// Since when a message is being written to it.
    taking: Option<Instant>,
    /// Since when it has not answered a PING.
    pinged: Option<Instant>,
}

impl SubscriberQueue {
    /// The queue of a subscriber that connects at `now`.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            state: Mutex::new(State {
                topics: Vec::new(),
                waiting: VecDeque::new(),
                bytes: 0,
                pong: None,
                ping: None,
                closed: false,
                unsubscribed: Some(now),
                taking: None,
                pinged: None,
            }),
            changed: Notify::new(),
            evicted: CancellationToken::new(),
        }
    }

    /// Adds a topic; `false` if there are too many.
    pub(super) fn subscribe(&self, topic: Vec<u8>) -> bool {
        let mut state = self.lock();
        let room = state.topics.len() < MAX_TOPICS;
        if room {
            state.topics.push(topic);
            state.note_subscription(Instant::now());
        }
        room
    }

    /// Cancels one subscription of this topic.
    pub(super) fn cancel(&self, topic: &[u8]) {
        let mut state = self.lock();
        if let Some(place) = state.topics.iter().position(|known| known == topic) {
            state.topics.swap_remove(place);
            state.note_subscription(Instant::now());
        }
    }

    /// Queues a message if its topic is subscribed to, in place of the oldest ones where the queue is
    /// full. Returns how many of the dropped ones count; `None` where the topic is not subscribed to.
    pub(super) fn push(&self, message: &QueuedMessage) -> Option<u64> {
        let mut state = self.lock();
        if state.closed || !state.wants(message.topic) {
            return None;
        }
        let mut dropped = 0;
        while state.waiting.len() >= MAX_MESSAGES
            || (!state.waiting.is_empty() && state.bytes + message.bytes.len() > MAX_BYTES)
        {
            let counts = state.pop().is_some_and(|oldest| oldest.counts);
            dropped += u64::from(counts);
        }
        state.bytes += message.bytes.len();
        state.waiting.push_back(message.clone());
        drop(state);
        self.changed.notify_one();
        Some(dropped)
    }

    /// Queues the answer to a PING.
    pub(super) fn pong(&self, pong: Bytes) {
        self.lock().pong = Some(pong);
        self.changed.notify_one();
    }

    /// Queues a PING.
    pub(super) fn ping(&self, ping: Bytes, now: Instant) {
        let mut state = self.lock();
        state.ping = Some(ping);
        state.pinged.get_or_insert(now);
        drop(state);
        self.changed.notify_one();
    }

    /// The peer has sent something.
    pub(super) fn received(&self) {
        self.lock().pinged = None;
    }

    /// Queues no more messages; queued ones may still be taken.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// Resolves when another subscriber has replaced this one.
    pub(super) async fn evicted(&self) {
        self.evicted.cancelled().await;
    }

    /// Waits for the next message to send, once the one before is sent. `None`: closed and empty.
    pub(super) async fn next(&self) -> Option<Bytes> {
        self.lock().taking = None;
        loop {
            {
                let mut state = self.lock();
                let next = state.pong.take().or_else(|| state.ping.take());
                let next = next.or_else(|| state.pop().map(|message| message.bytes));
                if next.is_some() || state.closed {
                    state.taking = next.is_some().then(Instant::now);
                    return next;
                }
            }
            self.changed.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No method can panic between two changes: the state behind a poisoned lock is valid.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Evict for SubscriberQueue {
    fn evict(&self) {
        self.evicted.cancel();
    }
}

impl Idle for SubscriberQueue {
    /// A subscriber is not idle while it subscribes to a published topic, takes its messages, and
    /// answers PINGs.
    fn idle_since(&self, now: Instant) -> Option<Instant> {
        let state = self.lock();
        let is_long = |since: &Instant| now.duration_since(*since) >= IDLE_AFTER;
        let unresponsive = [state.taking, state.pinged].into_iter().flatten();
        let unresponsive = unresponsive.filter(is_long);
        state.unsubscribed.into_iter().chain(unresponsive).min()
    }
}

impl State {
    fn wants(&self, topic: &str) -> bool {
        let wanted = |prefix: &Vec<u8>| topic.as_bytes().starts_with(prefix);
        self.topics.iter().any(wanted)
    }

    /// Updates `unsubscribed` after a change of the topics.
    fn note_subscription(&mut self, now: Instant) {
        self.unsubscribed = match topics::ALL.iter().any(|topic| self.wants(topic)) {
            true => None,
            false => self.unsubscribed.or(Some(now)),
        };
    }

    fn pop(&mut self) -> Option<QueuedMessage> {
        let oldest = self.waiting.pop_front()?;
        self.bytes -= oldest.bytes.len();
        Some(oldest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanting(topics: &[&str]) -> SubscriberQueue {
        let queue = SubscriberQueue::new(Instant::now());
        for topic in topics {
            assert!(queue.subscribe(topic.as_bytes().to_vec()));
        }
        queue
    }

    fn message(topic: &'static str, bytes: impl Into<Bytes>) -> QueuedMessage {
        QueuedMessage {
            topic,
            bytes: bytes.into(),
            counts: topic == "pose",
        }
    }

    async fn rest(queue: &SubscriberQueue) -> Vec<Bytes> {
        queue.close();
        let mut rest = Vec::new();
        while let Some(message) = queue.next().await {
            rest.push(message);
        }
        rest
    }

    #[tokio::test]
    async fn only_topics_that_are_wanted_wait() {
        let queue = wanting(&["po", "end"]);
        for (topic, wanted) in [("pose", true), ("skeleton", false), ("end", true)] {
            assert_eq!(queue.push(&message(topic, topic)).is_some(), wanted);
        }
        queue.cancel(b"po");
        assert_eq!(queue.push(&message("pose", "late")), None);
        assert_eq!(rest(&queue).await, ["pose", "end"]);
        let all = wanting(&[""]);
        all.push(&message("pose", "pose"));
        assert_eq!(rest(&all).await, ["pose"]);
    }

    #[tokio::test]
    async fn the_newest_wins_and_what_went_is_counted() {
        let queue = wanting(&["pose"]);
        assert!(queue.subscribe(b"skeleton".to_vec()));
        queue.push(&message("skeleton", "skeleton"));
        let push = |number: usize| queue.push(&message("pose", number.to_string())).unwrap();
        let dropped: u64 = (0..MAX_MESSAGES + 10).map(push).sum();
        assert_eq!(dropped, 10, "of poses");
        let rest = rest(&queue).await;
        assert_eq!(rest.len(), MAX_MESSAGES);
        assert_eq!(
            (rest[0].as_ref(), rest[63].as_ref()),
            (&b"10"[..], &b"73"[..])
        );
    }

    #[tokio::test]
    async fn bytes_are_bounded_and_one_large_message_passes() {
        let queue = wanting(&["pose"]);
        let third = message("pose", vec![1; MAX_BYTES / 3]);
        let dropped: Vec<_> = (0..4).map(|_| queue.push(&third)).collect();
        assert_eq!(dropped, [Some(0), Some(0), Some(0), Some(1)]);
        let huge = message("pose", vec![2; MAX_BYTES * 2]);
        assert_eq!(queue.push(&huge), Some(3));
        assert_eq!(queue.push(&third), Some(1));
        assert_eq!(rest(&queue).await, [third.bytes]);
    }

    #[tokio::test]
    async fn signs_of_life_go_first_and_do_not_pile_up() {
        let queue = wanting(&["pose"]);
        queue.push(&message("pose", "pose"));
        queue.pong(Bytes::from_static(b"first"));
        queue.pong(Bytes::from_static(b"second"));
        assert_eq!(rest(&queue).await, ["second", "pose"]);
    }

    #[test]
    fn topics_are_bounded() {
        let queue = wanting(&["pose"; MAX_TOPICS]);
        assert!(!queue.subscribe(b"pose".to_vec()));
    }

    #[tokio::test]
    async fn a_subscriber_that_takes_its_messages_is_never_idle() {
        let begin = Instant::now();
        let later = begin + 60 * IDLE_AFTER;
        let queue = SubscriberQueue::new(begin);
        assert_eq!(queue.idle_since(later), Some(begin), "not subscribed");
        assert!(queue.subscribe(b"nothing that there is".to_vec()));
        assert_eq!(queue.idle_since(later), Some(begin));
        assert!(queue.subscribe(b"po".to_vec()));
        assert_eq!(queue.idle_since(later), None);

        queue.push(&message("pose", "first"));
        assert_eq!(queue.idle_since(later), None, "nothing was sent yet");
        assert_eq!(queue.next().await.unwrap(), "first");
        let now = Instant::now();
        assert_eq!(queue.idle_since(now), None, "it has a while to take it");
        assert!(queue.idle_since(now + IDLE_AFTER).is_some());
        queue.push(&message("pose", "second"));
        queue.next().await;
        queue.close();
        assert_eq!(queue.next().await, None);
        assert_eq!(queue.idle_since(later), None, "it has taken all");

        queue.cancel(b"po");
        assert!(queue.idle_since(later) > Some(begin));
    }

    #[test]
    fn a_subscriber_that_does_not_answer_is_idle_until_it_does() {
        let queue = wanting(&[""]);
        let asked = Instant::now();
        for second in 0..3 {
            let now = asked + Duration::from_secs(second);
            queue.ping(Bytes::from_static(b"ping"), now);
        }
        assert_eq!(queue.idle_since(asked), None);
        let late = asked + IDLE_AFTER;
        assert_eq!(queue.idle_since(late), Some(asked), "since the first");
        queue.received();
        assert_eq!(queue.idle_since(late), None);
    }
}
