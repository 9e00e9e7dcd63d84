//! The datagrams below WebRTC, and all that works around the WebRTC library there.
//!
//! ```text
//! WebRTC library ── Runtime (sockets, names, timers) ──▶ DatagramSocket ── UDP ──▶ peer, STUN or TURN server
//!                                                            └─ turn_stream ── TCP or TLS ──▶ TURN server
//! ```
//!
//! | module | what the library lacks |
//! |---|---|
//! | `interfaces` | the choice of local addresses and ports |
//! | `runtime` | large socket buffers |
//! | `datagrams` | loss where an address has no route; a bound on what an unknown peer sends (`quota`) |
//! | `servers` | asking each STUN and TURN server once, from the address that leads there, and saying why it failed |
//! | `turn_stream` | TURN over TCP and TLS |
//! | `loop_wake` | handshakes and relayed datagrams that leave at once |
//! | `self_wake` | a loop that wakes no other thread after each datagram |
//! | `repeats` | a handshake that gets through where packets are lost |

mod config;
mod datagrams;
mod interfaces;
mod loop_wake;
mod quota;
mod repeats;
mod runtime;
mod self_wake;
mod servers;
pub(crate) mod turn_stream;

pub use config::UdpConfig;
pub use interfaces::{InterfaceError, own_addresses};
pub use runtime::granted_udp_buffers;

pub(crate) use interfaces::bindable;
pub(crate) use quota::PreAuthQuota;
pub(crate) use runtime::{GrantedBuffers, TunedRuntime};
pub(crate) use servers::IceServers;
