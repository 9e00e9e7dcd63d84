//! The ways to refine points, by name.

use std::{fmt, str::FromStr};

/// How points are moved between the cells of the confidence maps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Refine {
    /// The centre of mass of the 5x5 cells around the peak: what sleap-nn calls "integral".
    Integral,
    /// The top of a parabola through the logarithms of the peak and its neighbours along each
    /// axis: exact for Gaussian peaks.
    #[default]
    Parabola,
}

/// The name of no refinement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("'{0}' is no refinement: use parabola or integral")]
pub struct RefineParseError(String);

impl FromStr for Refine {
    type Err = RefineParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "integral" => Ok(Self::Integral),
            "parabola" => Ok(Self::Parabola),
            _ => Err(RefineParseError(text.to_owned())),
        }
    }
}

impl fmt::Display for Refine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Integral => "integral",
            Self::Parabola => "parabola",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_have_names() {
        for method in [Refine::Integral, Refine::Parabola] {
            assert_eq!(method.to_string().parse(), Ok(method));
        }
        let error = "gauss".parse::<Refine>().expect_err("no method");
        assert!(error.to_string().contains("'gauss'"), "{error}");
    }
}
