//! What waits for one subscriber: bounded, and the newest wins.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

/// Messages that wait at most: what a consumer takes in, more than half a second late at 100 poses
/// a second, is of no use to it.
const MAX_MESSAGES: usize = 64;

/// Bytes that wait at most. A message that is larger waits alone.
const MAX_BYTES: usize = 1 << 20;

/// Topics that a subscriber may ask for; there are three.
const MAX_TOPICS: usize = 16;

/// A message as it is sent, and what it is about.
#[derive(Debug, Clone)]
pub(super) struct Letter {
    pub(super) topic: &'static str,
    pub(super) bytes: Bytes,
    /// Who misses it is to be told.
    pub(super) counts: bool,
}

/// What waits for one subscriber.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    topics: Vec<Vec<u8>>,
    waiting: VecDeque<Letter>,
    /// Of what waits.
    bytes: usize,
    /// Goes before everything else. A peer that asks again and again gets the last answer.
    pong: Option<Bytes>,
    /// Nothing more comes.
    closed: bool,
}

impl Mailbox {
    /// Adds a topic; `false` if there are too many.
    pub(super) fn subscribe(&self, topic: Vec<u8>) -> bool {
        let mut state = self.lock();
        let room = state.topics.len() < MAX_TOPICS;
        if room {
            state.topics.push(topic);
        }
        room
    }

    /// Takes back one subscription of this topic.
    pub(super) fn cancel(&self, topic: &[u8]) {
        let mut state = self.lock();
        if let Some(place) = state.topics.iter().position(|known| known == topic) {
            state.topics.swap_remove(place);
        }
    }

    /// Puts a message in if its topic is wanted, in place of the oldest where there is no room.
    /// Says how many had to go, of those that count.
    pub(super) fn push(&self, letter: &Letter) -> u64 {
        let mut state = self.lock();
        let topic = letter.topic.as_bytes();
        let wanted = |prefix: &Vec<u8>| topic.starts_with(prefix);
        if state.closed || !state.topics.iter().any(wanted) {
            return 0;
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
        dropped
    }

    /// Answers a sign of life.
    pub(super) fn pong(&self, pong: Bytes) {
        self.lock().pong = Some(pong);
        self.changed.notify_one();
    }

    /// Nothing more is put in; what waits may still be taken.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_one();
    }

    /// The next to be sent; waits for it. `None`: closed, and all was taken.
    pub(super) async fn next(&self) -> Option<Bytes> {
        loop {
            {
                let mut state = self.lock();
                let next = state.pong.take();
                let next = next.or_else(|| state.pop().map(|letter| letter.bytes));
                if next.is_some() || state.closed {
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

impl State {
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
        let mailbox = Mailbox::default();
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
        for topic in ["pose", "skeleton", "end"] {
            mailbox.push(&letter(topic, topic));
        }
        mailbox.cancel(b"po");
        mailbox.push(&letter("pose", "late"));
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
        let push = |number: usize| mailbox.push(&letter("pose", number.to_string()));
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
        assert_eq!((0..3).map(|_| mailbox.push(&third)).sum::<u64>(), 0);
        assert_eq!(mailbox.push(&third), 1);
        let huge = letter("pose", vec![2; MAX_BYTES * 2]);
        assert_eq!(mailbox.push(&huge), 3);
        assert_eq!(mailbox.push(&third), 1);
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
}
