//! When a rule is entered and left.

use crate::rule::PoseRule;

/// Whether a rule is in effect, and since when that should change.
#[derive(Debug, Clone, Default)]
pub(super) struct Activation {
    pub(super) is_active: bool,
    /// Since when the condition has been otherwise.
    pending_since: Option<u64>,
    entered: Option<u64>,
}

impl Activation {
    /// Takes whether the condition holds; whether the rule was entered (true) or left (false) by that.
    pub(super) fn step(&mut self, rule: &PoseRule, holds: bool, now: u64) -> Option<bool> {
        if holds == self.is_active {
            self.pending_since = None;
            return None;
        }
        let since = *self.pending_since.get_or_insert(now);
        let lasts = now.saturating_sub(since);
        let is_too_soon = |entered: u64| now.saturating_sub(entered) < rule.not_more_often_than_us;
        let is_due = match holds {
            true => lasts >= rule.for_us && !self.entered.is_some_and(is_too_soon),
            false => lasts >= rule.leave_after_us,
        };
        if !is_due {
            return None;
        }
        self.pending_since = None;
        self.is_active = holds;
        if holds {
            self.entered = Some(now);
        }
        Some(holds)
    }
}
