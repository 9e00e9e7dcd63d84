//! Truth values of what may not be visible.

/// Whether a condition holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Truth {
    True,
    False,
    /// What it depends on cannot be seen.
    Unknown,
}

impl Truth {
    pub(super) fn of(holds: bool) -> Self {
        match holds {
            true => Self::True,
            false => Self::False,
        }
    }

    pub(super) fn not(self) -> Self {
        match self {
            Self::True => Self::False,
            Self::False => Self::True,
            Self::Unknown => Self::Unknown,
        }
    }

    /// All of them: false where one is, whatever the others are.
    pub(super) fn all(truths: impl Iterator<Item = Self>) -> Self {
        truths.fold(Self::True, |one, other| match (one, other) {
            (Self::False, _) | (_, Self::False) => Self::False,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            _ => Self::True,
        })
    }

    /// One of them at least.
    pub(super) fn any(truths: impl Iterator<Item = Self>) -> Self {
        Self::all(truths.map(Self::not)).not()
    }
}

#[cfg(test)]
mod tests {
    use super::Truth::{self, False, True, Unknown};

    #[test]
    fn what_cannot_be_seen_decides_only_where_it_matters() {
        for (one, other, all, any) in [
            (True, True, True, True),
            (True, False, False, True),
            (True, Unknown, Unknown, True),
            (False, Unknown, False, Unknown),
            (Unknown, Unknown, Unknown, Unknown),
        ] {
            assert_eq!(Truth::all([one, other].into_iter()), all);
            assert_eq!(Truth::any([one, other].into_iter()), any);
        }
    }
}
