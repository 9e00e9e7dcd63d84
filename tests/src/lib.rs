//! Both binaries and the Python peers as child processes, for end-to-end tests.
//!
//! Readiness is a line that the child prints, never a pause; ports are free ones that the child
//! chooses; a child never outlives its test.

pub mod attack;
mod c_library;
mod client;
mod delivery;
mod failing_device;
mod files;
mod hostile;
mod inference_server;
mod nvml;
mod place;
mod process;
mod python;
mod relay;
mod said;
mod tunnel;

pub use client::{Client, Finished};
pub use delivery::{DeliveryErrors, MovingMouse};
pub use failing_device::FailingDevice;
pub use files::{Fixture, contents_of, demo, frames_of, read_png, same_pixels, sha256};
pub use hostile::{HOSTILE, assert_harmless, assert_shown_harmlessly};
pub use inference_server::{Answer, Answers, InferenceServer, ServedDemo, peaks};
pub use nvml::TestNvml;
pub use place::{Place, text, uploads_in};
pub use process::{Worker, binary, peak_memory, signal_server};
pub use python::{
    Peer, assert_as_sleap_io_writes, consumer, example, hostile_signaling, lsl_consumer,
    reference_client, reference_signaling, reference_uploader, reference_worker, room_server,
    scrape, sleap_io_reads, sleap_rtc,
};
pub use relay::Relay;
pub use said::{events, summary};
pub use tunnel::Tunnel;
