//! Where an animal is: a smooth path within the frame, and the spine that follows it.

use super::math::{Point, Random, cos, sin};

/// Length of the body's centre line from the nose to the tip of the tail, units.
pub(super) const LENGTH: f64 = 74.0;
/// Where the tail begins on it, units from the nose.
pub(super) const TAIL_BASE: f64 = 40.0;

/// Space kept between the path and the frame's edge, units: half the body, the sway
/// and the arena's wall.
const MARGIN: f64 = 21.0;
/// Steps back in time by which the spine is laid along the path, seconds.
const STEP: f64 = 1.0 / 90.0;

/// The path of one animal: a loop whose size, place and pace change slowly.
pub(super) struct Walk {
    unit: f64,
    centre: Point,
    /// How far the path may go from the centre, pixels.
    reach: Point,
    /// Seconds for one loop.
    lap: f64,
    /// +1 or -1: which way round.
    way: f64,
    start: f64,
    phases: [f64; 7],
}

impl Walk {
    pub(super) fn new(
        width: u32,
        height: u32,
        unit: f64,
        seed: u64,
        animal: u32,
        animals: u32,
    ) -> Walk {
        // The way round and the place on the loop are shared out, so that several
        // animals meet now and then but do not walk inside each other.
        let mut shared = Random::new(seed, 1);
        let way = if shared.unit() < 0.5 { -1.0 } else { 1.0 };
        let start = shared.unit() + f64::from(animal) / f64::from(animals.max(1));
        let mut random = Random::new(seed, 100 + u64::from(animal));
        let reach = [width, height].map(|side| (f64::from(side) / 2.0 - MARGIN * unit).max(0.0));
        Walk {
            unit,
            centre: [width, height].map(|side| f64::from(side) / 2.0 - 0.5),
            reach,
            lap: random.between(8.0, 10.0) * (reach[0] + reach[1]) / (182.0 * unit),
            way,
            start,
            phases: std::array::from_fn(|_| random.unit()),
        }
    }

    /// Turns walked at `time`, never going back: the pace varies by half.
    fn turns(&self, time: f64) -> f64 {
        let pace = 0.28 / self.lap * sin(time / 3.7 + self.phases[0]);
        self.start + self.way * (time / self.lap + pace)
    }

    /// The path at `time` seconds.
    fn position(&self, time: f64) -> Point {
        let p = &self.phases;
        let turns = self.turns(time);
        let size = 0.73 + 0.2 * sin(time / 23.0 + p[1]) + 0.06 * sin(time / 5.3 + p[2]);
        let loops = [cos(turns), sin(turns)];
        let drift = [sin(time / 31.0 + p[3]), sin(time / 27.0 + p[4])];
        std::array::from_fn(|axis| {
            let offset = size * loops[axis] + (1.0 - size) * drift[axis];
            self.centre[axis] + self.reach[axis] * offset
        })
    }

    /// The animal's centre line at `time`: laid along the path just walked, swaying.
    pub(super) fn spine(&self, time: f64) -> Spine {
        let mut trail = vec![self.position(time)];
        let mut arcs = vec![0.0];
        let mut arc = 0.0;
        // The pace never falls below a known share of the mean; the bound is for frames
        // too small to walk in.
        for step in 1..2000 {
            let point = self.position(time - f64::from(step) * STEP);
            let last = trail[trail.len() - 1];
            arc += distance(point, last);
            trail.push(point);
            arcs.push(arc);
            if arc > (LENGTH + 2.0) * self.unit {
                break;
            }
        }
        Spine {
            unit: self.unit,
            // Strides go with the way walked, not with time.
            stride: self.turns(time) * self.lap * 1.7,
            swing: time * 0.8 + self.phases[5],
            trail,
            arcs,
        }
    }
}

fn distance(a: Point, b: Point) -> f64 {
    let (dx, dy) = (a[0] - b[0], a[1] - b[1]);
    (dx * dx + dy * dy).sqrt()
}

/// The centre line of one animal at one moment.
pub(super) struct Spine {
    unit: f64,
    /// Place in the stride, in turns.
    pub(super) stride: f64,
    swing: f64,
    trail: Vec<Point>,
    arcs: Vec<f64>,
}

/// A place on the spine.
#[derive(Clone, Copy)]
pub(super) struct SpinePosition {
    /// Pixels.
    pub(super) point: Point,
    /// Unit vector towards the nose.
    pub(super) ahead: Point,
}

impl SpinePosition {
    /// A place `ahead` and `left` pixels away, in the animal's own directions.
    pub(super) fn beside(&self, ahead: f64, left: f64) -> Point {
        let [x, y] = self.ahead;
        [
            self.point[0] + x * ahead + y * left,
            self.point[1] + y * ahead - x * left,
        ]
    }
}

impl Spine {
    /// The place `at` units behind the nose.
    pub(super) fn place(&self, at: f64) -> SpinePosition {
        let before = self.swayed((at - 0.5).max(0.0));
        let after = self.swayed((at - 0.5).max(0.0) + 1.0);
        let (dx, dy) = (before[0] - after[0], before[1] - after[1]);
        let length = (dx * dx + dy * dy).sqrt();
        let ahead = if length > 1e-9 {
            [dx / length, dy / length]
        } else {
            [1.0, 0.0]
        };
        SpinePosition {
            point: self.swayed(at),
            ahead,
        }
    }

    fn swayed(&self, at: f64) -> Point {
        let (point, ahead) = self.on_path(at * self.unit);
        let sway = self.sway(at) * self.unit;
        [point[0] + ahead[1] * sway, point[1] - ahead[0] * sway]
    }

    /// How far to the side of the path, units.
    fn sway(&self, at: f64) -> f64 {
        let head = (1.0 - at / 20.0).max(0.0);
        let tail = ((at - TAIL_BASE) / (LENGTH - TAIL_BASE)).max(0.0);
        2.6 * head * head * sin(self.swing * 0.9)
            + 0.9 * sin(self.stride - at / 45.0)
            + 7.0 * tail * tail * sin(self.swing - at / 90.0)
    }

    /// Point and direction of the path `arc` pixels behind the nose.
    fn on_path(&self, arc: f64) -> (Point, Point) {
        let next = self.arcs.partition_point(|&a| a < arc).max(1);
        let next = next.min(self.arcs.len() - 1);
        let (near, far) = (self.trail[next - 1], self.trail[next]);
        let gap = self.arcs[next] - self.arcs[next - 1];
        if gap <= 1e-12 {
            return (near, [1.0, 0.0]);
        }
        let share = ((arc - self.arcs[next - 1]) / gap).clamp(0.0, 1.0);
        let (dx, dy) = (far[0] - near[0], far[1] - near[1]);
        let point = [near[0] + dx * share, near[1] + dy * share];
        (point, [-dx / gap, -dy / gap])
    }
}
