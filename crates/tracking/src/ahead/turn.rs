//! How fast an animal turns, from the velocities of all its nodes.

/// Time over which turning is averaged, seconds.
const AVERAGED_S: f64 = 0.25;

/// Fastest turn, radians a second: a mouse turns round in a quarter of a second.
const MAX_RATE: f64 = 12.0;

/// The turn rate of an animal: the mean of v × a over that of |v|². A velocity that is not known well
/// makes it smaller.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct TurnRate {
    turned: f64,
    weight: f64,
    /// Of the frame at hand.
    frame_turned: f64,
    frame_weight: f64,
    seconds: f64,
}

impl TurnRate {
    /// Takes a node's velocity before and after a measurement so many seconds later; `variance`: that of
    /// its velocity, px²/s².
    pub(super) fn node(&mut self, before: [f64; 2], after: [f64; 2], seconds: f64, variance: f64) {
        let cross = before[0] * after[1] - before[1] * after[0];
        let squared = (before[0].hypot(before[1])) * (after[0].hypot(after[1]));
        if seconds > 0.0 && cross.is_finite() && squared.is_finite() && variance.is_finite() {
            self.frame_turned += cross / seconds;
            self.frame_weight += squared + 2.0 * variance;
            self.seconds = seconds;
        }
    }

    /// The nodes of a frame are complete.
    pub(super) fn settle(&mut self) {
        if self.frame_weight > 0.0 {
            let kept = (-self.seconds / AVERAGED_S).exp();
            self.turned = kept * self.turned + (1.0 - kept) * self.frame_turned;
            self.weight = kept * self.weight + (1.0 - kept) * self.frame_weight;
        }
        (self.frame_turned, self.frame_weight) = (0.0, 0.0);
    }

    /// Radians a second; positive from x to y.
    pub(super) fn rate(&self) -> f64 {
        match self.weight > 0.0 {
            true => (self.turned / self.weight).clamp(-MAX_RATE, MAX_RATE),
            false => 0.0,
        }
    }
}
