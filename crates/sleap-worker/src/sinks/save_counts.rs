//! Counts of what a sink has saved and lost.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a sink has saved, and what it could not; clones count together.
#[derive(Debug, Clone)]
pub(crate) struct SaveCounts {
    /// What is counted, in the plural.
    what: &'static str,
    /// The option that asks for it.
    option: &'static str,
    counts: Arc<Mutex<Counts>>,
}

#[derive(Debug, Default)]
struct Counts {
    saved: u64,
    lost: u64,
    /// Why the first of them was lost.
    reason: Option<String>,
    /// What is wrong although nothing was lost.
    fault: Option<String>,
}

impl SaveCounts {
    /// Counts at zero. `what` is counted, in the plural, and `option` asks for it.
    pub(super) fn new(what: &'static str, option: &'static str) -> Self {
        Self {
            what,
            option,
            counts: Arc::default(),
        }
    }

    /// Counts what was saved.
    pub(super) fn saved(&self, number: u64) {
        self.lock().saved += number;
    }

    /// Counts what was lost.
    pub(super) fn lost(&self, number: u64) {
        self.lock().lost += number;
    }

    /// Keeps the reason of a loss, if it is the first. Returns whether it is.
    pub(super) fn because(&self, reason: impl FnOnce() -> String) -> bool {
        let mut counts = self.lock();
        let is_first = counts.reason.is_none();
        counts.reason.get_or_insert_with(reason);
        is_first
    }

    /// Keeps what is wrong although nothing was lost, if it is the first.
    pub(super) fn fault(&self, fault: String) {
        self.lock().fault.get_or_insert(fault);
    }

    /// Fails where something was lost or is wrong.
    pub(crate) fn check(&self) -> anyhow::Result<()> {
        let counts = self.lock();
        match counts.lost {
            0 => match &counts.fault {
                None => Ok(()),
                Some(fault) => anyhow::bail!("{} ({}): {fault}", self.what, self.option),
            },
            lost => anyhow::bail!(
                "{lost} of {} {} were not saved ({}): {}",
                counts.saved + lost,
                self.what,
                self.option,
                counts
                    .reason
                    .as_deref()
                    .unwrap_or("the reason is not known")
            ),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        // The lock was poisoned by a panic; the counts are complete between statements.
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loss_is_reported_with_the_first_reason() {
        let counts = SaveCounts::new("frames", "--save-every");
        counts.saved(2);
        counts.check().unwrap();
        assert!(counts.because(|| "the disk is full".into()));
        assert!(!counts.because(|| "another reason".into()));
        counts.clone().lost(1);
        let error = counts.check().unwrap_err().to_string();
        let expected = "1 of 3 frames were not saved (--save-every): the disk is full";
        assert_eq!(error, expected);
    }

    #[test]
    fn what_is_wrong_is_reported_where_nothing_was_lost() {
        let counts = SaveCounts::new("predictions", "--save-poses");
        counts.saved(2);
        counts.fault("a.slp has live tracks".into());
        counts.fault("b.slp has live tracks".into());
        let error = counts.check().unwrap_err().to_string();
        assert_eq!(error, "predictions (--save-poses): a.slp has live tracks");
    }
}
