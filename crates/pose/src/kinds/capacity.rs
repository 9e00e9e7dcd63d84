//! How many instances a model can give in a frame, and what that means for `max_instances`.

/// How many instances a model can give in a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Capacity {
    /// A single instance.
    One,
    /// As many as there are slots for centroids.
    Centroids {
        /// How many.
        slots: usize,
    },
    /// As many as there are crops, each of which costs time whether there is an animal or not.
    Crops {
        /// How many.
        slots: usize,
        /// How many animals the model identifies, if it does.
        identities: Option<usize>,
    },
    /// As many as there are peaks a node.
    Peaks {
        /// How many.
        slots: usize,
        /// How many animals the model identifies, if it does.
        identities: Option<usize>,
    },
}

/// `max_instances` is more than the export holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CapacityExceeded {
    /// The most that the export holds.
    pub(crate) holds: usize,
    /// The option of `sleap-nn export` that sets it.
    pub(crate) option: &'static str,
}

impl Capacity {
    /// Whether the export holds `most` instances a frame.
    pub(crate) fn check(self, most: usize) -> Result<(), CapacityExceeded> {
        let (holds, option, identities) = match self {
            Self::One => return Ok(()),
            Self::Centroids { slots } => (slots, "--max-instances", None),
            Self::Crops { slots, identities } => (slots, "--max-instances", identities),
            Self::Peaks { slots, identities } => (slots, "--max-peaks-per-node", identities),
        };
        // More than the identities never come out: no larger export would help.
        if most.min(identities.unwrap_or(usize::MAX)) > holds {
            return Err(CapacityExceeded { holds, option });
        }
        Ok(())
    }

    /// Notes for a user who asked for at most `most` instances a frame, if for any number.
    pub(crate) fn notes(self, most: Option<usize>) -> Vec<String> {
        let mut notes = Vec::new();
        let identities = match self {
            Self::One => {
                if most.is_some_and(|most| most > 1) {
                    notes.push("a single-instance model finds one animal a frame".to_owned());
                }
                return notes;
            }
            Self::Centroids { .. } => None,
            Self::Crops { identities, .. } | Self::Peaks { identities, .. } => identities,
        };
        if let (Some(most), Some(identities)) = (most, identities)
            && most > identities
        {
            notes.push(format!(
                "the model tells {identities} animals apart and gives no more than that, \
                 although max_instances is {most}"
            ));
        }
        let most = most.unwrap_or(usize::MAX);
        let most = most.min(identities.unwrap_or(usize::MAX));
        if let Self::Crops { slots, .. } = self
            && most < slots
        {
            notes.push(format!(
                "this export computes {slots} crops for every frame and at most {most} are \
                 used: exported again with `--max-instances {most}` it is faster"
            ));
        }
        notes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_than_the_export_holds_is_refused() {
        let crops = |slots, identities| Capacity::Crops { slots, identities };
        let peaks = |slots, identities| Capacity::Peaks { slots, identities };
        for (capacity, most, exceeded) in [
            (Capacity::One, 9, None),
            (Capacity::Centroids { slots: 4 }, 4, None),
            (
                Capacity::Centroids { slots: 4 },
                5,
                Some((4, "--max-instances")),
            ),
            (crops(2, None), 2, None),
            (crops(2, None), 3, Some((2, "--max-instances"))),
            (crops(2, Some(2)), 3, None),
            (crops(2, Some(3)), 9, Some((2, "--max-instances"))),
            (peaks(20, None), 21, Some((20, "--max-peaks-per-node"))),
            (peaks(20, Some(2)), 21, None),
        ] {
            let exceeded = exceeded.map_or(Ok(()), |(holds, option)| {
                Err(CapacityExceeded { holds, option })
            });
            assert_eq!(capacity.check(most), exceeded, "{capacity:?} {most}");
        }
    }

    #[test]
    fn crops_that_nobody_needs_are_noted() {
        let crops = |identities| Capacity::Crops {
            slots: 20,
            identities,
        };
        for (capacity, most, words) in [
            (crops(None), None, &[][..]),
            (crops(None), Some(20), &[]),
            (crops(None), Some(2), &["20 crops", "`--max-instances 2`"]),
            (crops(Some(3)), None, &["20 crops", "`--max-instances 3`"]),
            (
                crops(Some(3)),
                Some(5),
                &["tells 3 animals apart", "`--max-instances 3`"],
            ),
            (Capacity::Centroids { slots: 20 }, Some(2), &[]),
            (Capacity::One, Some(1), &[]),
            (Capacity::One, Some(2), &["one animal"]),
        ] {
            let notes = capacity.notes(most).join("\n");
            assert_eq!(notes.is_empty(), words.is_empty(), "{notes}");
            for word in words {
                assert!(notes.contains(word), "{notes}");
            }
        }
    }
}
