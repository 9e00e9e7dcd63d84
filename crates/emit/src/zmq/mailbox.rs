//! What waits for one subscriber: bounded, and the newest wins. Also what is known of its use of it.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use net::Idle;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::topics::TOPICS;

/// Messages that wait at most: what a consumer takes in, more than half a second late at 100 poses
/// a second, is of no use to it.
const MAX_MESSAGES: usize = 64;

/// Bytes that wait at most. A message that is larger waits alone.
const MAX_BYTES: usize = 1 << 20;

/// Topics that a subscriber may ask for; there are three.
const MAX_TOPICS: usize = 16;

/// A subscriber that takes one message for so long, or does not answer a PING for so long, counts as
/// idle.
const UNRESPONSIVE: Duration = Duration::from_secs(10);

/// A message as it is sent, and what it is about.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    pub(super) topic: &'static str,
    pub(super) bytes: Bytes,
    /// Who misses it is to be told.
    pub(super) counts: bool,
}

/// What waits for one subscriber.
#[derive(Debug)]
pub(super) struct Mailbox {
    state: Mutex<State>,
    changed: Notify,
    /// Another subscriber has its place.
    evicted: CancellationToken,
}

#[derive(Debug)]
struct State {
    topics: Vec<Vec<u8>>,
    waiting: VecDeque<Letter>,
    /// Of what waits.
    bytes: usize,
    /// Goes before everything else. A peer that asks again and again gets the last answer.
    pong: Option<Bytes>,
    /// The same, from this side.
    ping: Option<Bytes>,
    /// Nothing more comes.
    closed: bool,
    /// Since when it subscribes to nothing that is published; `None` while it does.
    unsubscribed: Option<Instant>,
    /// Since when it is written a message that it has not taken.
    taking: Option<Instant>,
    /// Since when it has not answered a PING.
    pinged: Option<Instant>,
}

impl Mailbox {
    /// Of a subscriber that comes now.
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

    /// Takes back one subscription of this topic.
    pub(super) fn cancel(&self, topic: &[u8]) {
        let mut state = self.lock();
        if let Some(place) = state.topics.iter().position(|known| known == topic) {
            state.topics.swap_remove(place);
            state.note_subscription(Instant::now());
        }
    }

    /// Puts a message in if its topic is wanted, in place of the oldest where there is no room.
    /// Says how many had to go, of those that count; `None` where the topic is not wanted.
    pub(super) fn push(&self, letter: &Letter) -> Option<u64> {
        let mut state = self.lock();
        if state.closed || !state.wants(letter.topic) {
            return None;
        }
        let mut dropped = 0;
        while state.waiting.len() >= MAX_MESSAGES
            || (!state.waiting.is_empty() && state.bytes + letter.bytes.len() > MAX_BYTES)
        {
            let counts = state.pop().is_some_and(|oldest| oldest.counts);
            dropped += u64::from(counts);
        }
        state.bytes += letter.bytes.len();
        state.waiting.push_back(letter.clone());
        drop(state);
        self.changed.notify_one();
        Some(dropped)
    }

    /// Answers a sign of life.
    pub(super) fn pong(&self, pong: Bytes) {
        self.lock().pong = Some(pong);
        self.changed.notify_one();
    }

    /// Asks for a sign of life.
    pub(super) fn ping(&self, ping: Bytes, now: Instant) {
        let mut state = self.lock();
        state.ping = Some(ping);
        state.pinged.get_or_insert(now);
        drop(state);
        self.changed.notify_one();
    }

    /// The peer has said something.
    pub(super) fn heard(&self) {
        self.lock().pinged = None;
    }

    /// Nothing more is put in; what waits may still be taken.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// Gives the place to another subscriber.
    pub(super) fn evict(&self) {
        self.evicted.cancel();
    }

    /// Resolves when another subscriber has the place.
    pub(super) async fn evicted(&self) {
        self.evicted.cancelled().await;
    }

    /// The next to be sent, when the one before it is; waits for it. `None`: closed, and all was taken.
    pub(super) async fn next(&self) -> Option<Bytes> {
        self.lock().taking = None;
        loop {
            {
                let mut state = self.lock();
                let next = state.pong.take().or_else(|| state.ping.take());
                let next = next.or_else(|| state.pop().map(|letter| letter.bytes));
                if next.is_some() || state.closed {
                    state.taking = next.is_some().then(Instant::now);
                    return next;
                }
            }
            self.changed.notified().await;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // No method panics half-way: a poisoned lock holds a whole state.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Idle for Mailbox {
    /// A subscriber uses its place while it subscribes to what is published, takes what it is sent, and
    /// answers where it is asked.
    fn idle_since(&self, now: Instant) -> Option<Instant> {
        let state = self.lock();
        let is_long = |since: &Instant| now.duration_since(*since) >= UNRESPONSIVE;
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

    /// Its topics have changed.
    fn note_subscription(&mut self, now: Instant) {
        self.unsubscribed = match TOPICS.iter().any(|topic| self.wants(topic)) {
            true => None,
            false => self.unsubscribed.or(Some(now)),
        };
    }

    fn pop(&mut self) -> Option<Letter> {
        let oldest = self.waiting.pop_front()?;
        self.bytes -= oldest.bytes.len();
        Some(oldest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanting(topics: &[&str]) -> Mailbox {
        let mailbox = Mailbox::new(Instant::now());
        for topic in topics {
            assert!(mailbox.subscribe(topic.as_bytes().to_vec()));
        }
        mailbox
    }

    fn letter(topic: &'static str, bytes: impl Into<Bytes>) -> Letter {
        Letter {
            topic,
            bytes: bytes.into(),
            counts: topic == "pose",
        }
    }

    async fn rest(mailbox: &Mailbox) -> Vec<Bytes> {
        mailbox.close();
        let mut rest = Vec::new();
        while let Some(message) = mailbox.next().await {
            rest.push(message);
        }
        rest
    }

    #[tokio::test]
    async fn only_topics_that_are_wanted_wait() {
        let mailbox = wanting(&["po", "end"]);
        for (topic, wanted) in [("pose", true), ("skeleton", false), ("end", true)] {
            assert_eq!(mailbox.push(&letter(topic, topic)).is_some(), wanted);
        }
        mailbox.cancel(b"po");
        assert_eq!(mailbox.push(&letter("pose", "late")), None);
        assert_eq!(rest(&mailbox).await, ["pose", "end"]);
        let all = wanting(&[""]);
        all.push(&letter("pose", "pose"));
        assert_eq!(rest(&all).await, ["pose"]);
    }

    #[tokio::test]
    async fn the_newest_wins_and_what_went_is_counted() {
        let mailbox = wanting(&["pose"]);
        assert!(mailbox.subscribe(b"skeleton".to_vec()));
        mailbox.push(&letter("skeleton", "skeleton"));
        let push = |number: usize| mailbox.push(&letter("pose", number.to_string())).unwrap();
        let dropped: u64 = (0..MAX_MESSAGES + 10).map(push).sum();
        assert_eq!(dropped, 10, "of poses");
        let rest = rest(&mailbox).await;
        assert_eq!(rest.len(), MAX_MESSAGES);
        assert_eq!(
            (rest[0].as_ref(), rest[63].as_ref()),
            (&b"10"[..], &b"73"[..])
        );
    }

    #[tokio::test]
    async fn bytes_are_bounded_and_one_large_message_passes() {
        let mailbox = wanting(&["pose"]);
        let third = letter("pose", vec![1; MAX_BYTES / 3]);
        let dropped: Vec<_> = (0..4).map(|_| mailbox.push(&third)).collect();
        assert_eq!(dropped, [Some(0), Some(0), Some(0), Some(1)]);
        let huge = letter("pose", vec![2; MAX_BYTES * 2]);
        assert_eq!(mailbox.push(&huge), Some(3));
        assert_eq!(mailbox.push(&third), Some(1));
        assert_eq!(rest(&mailbox).await, [third.bytes]);
    }

    #[tokio::test]
    async fn signs_of_life_go_first_and_do_not_pile_up() {
        let mailbox = wanting(&["pose"]);
        mailbox.push(&letter("pose", "pose"));
        mailbox.pong(Bytes::from_static(b"first"));
        mailbox.pong(Bytes::from_static(b"second"));
        assert_eq!(rest(&mailbox).await, ["second", "pose"]);
    }

    #[test]
    fn topics_are_bounded() {
        let mailbox = wanting(&["pose"; MAX_TOPICS]);
        assert!(!mailbox.subscribe(b"pose".to_vec()));
    }

    #[tokio::test]
    async fn a_subscriber_that_takes_its_messages_is_never_idle() {
        let begin = Instant::now();
        let later = begin + 60 * UNRESPONSIVE;
        let mailbox = Mailbox::new(begin);
        assert_eq!(mailbox.idle_since(later), Some(begin), "not subscribed");
        assert!(mailbox.subscribe(b"nothing that there is".to_vec()));
        assert_eq!(mailbox.idle_since(later), Some(begin));
        assert!(mailbox.subscribe(b"po".to_vec()));
        assert_eq!(mailbox.idle_since(later), None);

        mailbox.push(&letter("pose", "first"));
        assert_eq!(mailbox.idle_since(later), None, "nothing was sent yet");
        assert_eq!(mailbox.next().await.unwrap(), "first");
        let now = Instant::now();
        assert_eq!(mailbox.idle_since(now), None, "it has a while to take it");
        assert!(mailbox.idle_since(now + UNRESPONSIVE).is_some());
        mailbox.push(&letter("pose", "second"));
        mailbox.next().await;
        mailbox.close();
        assert_eq!(mailbox.next().await, None);
        assert_eq!(mailbox.idle_since(later), None, "it has taken all");

        mailbox.cancel(b"po");
        assert!(mailbox.idle_since(later) > Some(begin));
    }

    #[test]
    fn a_subscriber_that_does_not_answer_is_idle_until_it_does() {
        let mailbox = wanting(&[""]);
        let asked = Instant::now();
        for second in 0..3 {
            let now = asked + Duration::from_secs(second);
            mailbox.ping(Bytes::from_static(b"ping"), now);
        }
        assert_eq!(mailbox.idle_since(asked), None);
        let late = asked + UNRESPONSIVE;
        assert_eq!(mailbox.idle_since(late), Some(asked), "since the first");
        mailbox.heard();
        assert_eq!(mailbox.idle_since(late), None);
    }
}
