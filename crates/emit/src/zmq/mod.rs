//! A ZeroMQ publisher (PUB) over TCP that no subscriber can block.
//!
//! Written here because the libraries neither bound what subscribers may cost nor report what they
//! missed: see the README. `wire` is the protocol and `subscriber_queue` the queue of a subscriber,
//! both without IO; `subscriber` serves one connection, `publisher` all of them.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod publisher;
mod subscriber;
mod subscriber_queue;
mod wire;

pub(crate) use publisher::Publisher;
