//! Which clock a capture time comes from.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What the capture time of a frame was read from. Its names on the wire and in outputs are
/// `driver`, `device` and `arrival`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum CaptureClock {
    /// The time stamp that the camera's driver gave the frame: start or end of its exposure, or the
    /// arrival of its first byte.
    Driver,
    /// The time stamp that the camera itself gave the frame, converted to the clock of its host.
    Device,
    /// The moment at which the client received the frame, or at which a file's frame was due.
    #[default]
    Arrival,
}

impl CaptureClock {
    /// All of them.
    pub const ALL: [CaptureClock; 3] = [
        CaptureClock::Driver,
        CaptureClock::Device,
        CaptureClock::Arrival,
    ];

    /// The name on the wire and in outputs.
    pub fn as_str(self) -> &'static str {
        match self {
            CaptureClock::Driver => "driver",
            CaptureClock::Device => "device",
            CaptureClock::Arrival => "arrival",
        }
    }

    /// The clock with this name.
    pub fn from_name(name: &str) -> Option<CaptureClock> {
        Self::ALL.into_iter().find(|clock| clock.as_str() == name)
    }
}

impl fmt::Display for CaptureClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_the_same_in_json_and_elsewhere() {
        for clock in CaptureClock::ALL {
            let json = serde_json::to_string(&clock).unwrap();
            assert_eq!(json, format!("{:?}", clock.as_str()));
            assert_eq!(CaptureClock::from_name(clock.as_str()), Some(clock));
            assert_eq!(clock.to_string(), clock.as_str());
        }
        assert_eq!(CaptureClock::from_name("Driver"), None);
    }
}
