//! What OC-SORT does after a gap: the filter walks from the last box to the new one as if it had
//! seen the boxes between.

use crate::mot::boxes::{Box4, from_cxcywh, is_finite, to_cxcywh};
use crate::mot::kalman::BoxState;
use crate::mot::options::KalmanKind;
use crate::mot::track::FrozenState;

/// The state before the new box is taken. `seen`: the step of the last box; `now`: this step.
pub(crate) fn replay(
    kalman: KalmanKind,
    frozen: &FrozenState,
    last: &Box4,
    new: &Box4,
    seen: i64,
    now: i64,
) -> BoxState {
    let gap = (now - seen).max(1);
    let frozen_steps = (frozen.step - seen).clamp(0, gap);
    let mut state = frozen.state;
    if !is_finite(last) || !is_finite(new) {
        for _ in 0..gap - frozen_steps {
            state = kalman.predict(&state);
        }
        return state;
    }
    if frozen_steps == 0 {
        state = kalman.predict(&state);
    }
    let (start, end) = (to_cxcywh(last), to_cxcywh(new));
    let first = frozen_steps.max(1);
    for step in first..=gap {
        if step > first {
            state = kalman.predict(&state);
        }
        let share = step as f64 / gap as f64;
        let between = |index: usize| (1.0 - share) * start[index] + share * end[index];
        let bounds = if step == gap {
            *new
        } else {
            from_cxcywh([0, 1, 2, 3].map(between))
        };
        state = kalman.update(&state, &bounds);
    }
    state
}
