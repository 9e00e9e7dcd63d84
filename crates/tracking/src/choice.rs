//! Options that are one of several words.

use thiserror::Error;

/// A word that is not one of those that an option takes.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{given:?} is not one of: {known}")]
pub struct ChoiceError {
    /// The word.
    pub given: String,
    /// The words that are.
    pub known: String,
}

/// Declares an enum whose values have the names that sleap-nn uses.
macro_rules! choice {
    ($(#[$doc:meta])* enum $name:ident { $($(#[$value_doc:meta])* $value:ident = $word:literal,)+ }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name {
            $($(#[$value_doc])* $value,)+
        }

        impl $name {
            /// Every value.
            pub const ALL: &[Self] = &[$(Self::$value,)+];

            /// The word on the command line.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$value => $word,)+
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::choice::ChoiceError;

            fn from_str(given: &str) -> Result<Self, Self::Err> {
                let found = Self::ALL.iter().find(|value| value.name() == given);
                found.copied().ok_or_else(|| $crate::choice::ChoiceError {
                    given: given.to_owned(),
                    known: Self::ALL.iter().map(|value| value.name()).collect::<Vec<_>>().join(", "),
                })
            }
        }
    };
}

pub(crate) use choice;
