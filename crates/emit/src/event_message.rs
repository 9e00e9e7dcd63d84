//! What consumers learn of an event.

use serde::Serialize;

/// A rule was entered or left. The README says what each field is.
#[derive(Debug, Clone, Copy, Default, Serialize)]
pub struct EventMessage<'a> {
    /// The stream's name for people.
    pub source: &'a str,
    /// What tells it from others, where there may be several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stream: Option<&'a str>,
    /// The number of the moment that the frame shows, of a client with several cameras.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub moment: Option<u64>,
    /// The output that it is sent to.
    pub output: &'a str,
    /// The rule.
    pub rule: &'a str,
    /// `enter` or `leave`.
    pub edge: &'a str,
    /// `condition`, `silence`, `lost` or `end`.
    pub cause: &'a str,
    /// The animal, where it is one animal's.
    pub animal: Option<&'a str>,
    /// The frame that decided.
    pub frame_id: u64,
    /// When that was captured, microseconds since 1970.
    pub captured_us: u64,
    /// When this is sent, likewise.
    pub emitted_us: u64,
    /// The value that was compared.
    pub value: Option<f64>,
}
