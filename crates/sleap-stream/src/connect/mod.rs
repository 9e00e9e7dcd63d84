//! Finding a worker, agreeing with it on a stream, and finding it again.

pub(crate) mod backoff;
mod config;
pub(crate) mod handshake;
pub(crate) mod lanes;
pub(crate) mod reconnect;
pub(crate) mod rendezvous;
pub(crate) mod trust;

pub(crate) use config::ConnectConfig;
