//! A ZeroMQ publisher (PUB) over TCP that no subscriber can hold up.
//!
//! Written here because the libraries neither bound what subscribers may cost nor tell what they
//! missed: see the README. `wire` is the protocol and `mailbox` what waits for a subscriber, both
//! without IO; `subscriber` serves one connection, `publisher` all of them.

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
mod mailbox;
mod publisher;
mod subscriber;
mod wire;

pub(crate) use publisher::Publisher;
