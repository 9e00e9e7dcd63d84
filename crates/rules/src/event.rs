//! What rules result in.

use std::fmt;

/// Which way a rule went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Edge {
    /// Its condition holds from now on.
    Enter,
    /// Its condition does not hold any more.
    Leave,
}

impl Edge {
    pub(crate) fn of(entered: bool) -> Self {
        match entered {
            true => Self::Enter,
            false => Self::Leave,
        }
    }
}

/// `enter` or `leave`.
impl fmt::Display for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Enter => "enter",
            Self::Leave => "leave",
        })
    }
}

/// Why a rule was entered or left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// By its condition.
    Condition,
    /// No pose had come for too long.
    Silence,
    /// The connection to the worker was lost.
    Lost,
    /// The stream is over.
    End,
    /// A zone of the rule has another shape.
    Redrawn,
}

/// `condition`, `silence`, `lost`, `end` or `redrawn`.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Condition => "condition",
            Self::Silence => "silence",
            Self::Lost => "lost",
            Self::End => "end",
            Self::Redrawn => "redrawn",
        })
    }
}

/// A rule was entered or left.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The rule, by its place in the file.
    pub rule: usize,
    /// Its name.
    pub name: String,
    /// Which way it went.
    pub edge: Edge,
    /// The animal, where it is one animal's and animals are told apart.
    pub animal: Option<String>,
    /// The frame that decided; where poses have stopped, the last one.
    pub frame_id: u64,
    /// When that frame was captured, microseconds since 1970.
    pub captured_us: u64,
    /// The value that was compared: pixels, pixels a second, degrees, degrees a second, a number.
    pub value: Option<f64>,
}
