//! What a driver's time stamps of frames stand for.

/// The time stamps of a driver.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stamps {
    /// The clock that they are read from.
    pub clock: StampClock,
    /// What they mark; `None` where the driver does not tell.
    pub edge: Option<StampEdge>,
}

/// The clock of a driver's time stamps.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum StampClock {
    /// The driver does not name it.
    #[default]
    Unknown,
    /// The monotonic clock of this machine.
    Monotonic,
    /// None of this machine's clocks: a number that a program gave the frame.
    Other,
}

/// What a driver's time stamp marks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StampEdge {
    /// The start of the frame's exposure.
    Start,
    /// The moment at which the last pixel had been received.
    End,
}

impl std::fmt::Display for StampEdge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            StampEdge::Start => "start of exposure",
            StampEdge::End => "end of frame",
        })
    }
}
