//! Second thoughts: which of two animals that met is which.
//!
//! Where two animals come close, the next frame alone often does not tell them apart; the frames
//! after it do, because each goes on as it went before. The other choice is therefore followed for
//! some frames beside the one that was made, and taken where it turns out to be the likelier one.

use crate::animals::animal::Animal;
use crate::animals::likelihood::{is_jump, log_ratio};
use crate::animals::scales::Scales;
use crate::matrix::Matrix;

/// Frames for which another choice is followed.
const MAX_AGE: u32 = 12;
/// How much likelier it has to be to be taken; a logarithm.
const WIN: f64 = 3.0;
/// How much less likely it may be at its beginning, and at all.
const MAX_MARGIN: f64 = 8.0;
const MAX_LOSS: f64 = 12.0;
/// Choices that are followed for two animals, and for each animal on average.
const MAX_OF_PAIR: usize = 4;
const MAX_OF_ANIMAL: usize = 4;

/// What the choices need of a detection.
pub(crate) struct Seen<'a> {
    pub(crate) points: &'a [[f64; 2]],
    pub(crate) score: f64,
}

/// The other choice for two animals: each goes on with what the other one took.
struct Alternative {
    ids: [u32; 2],
    animals: [Animal; 2],
    /// How much likelier it is than what was chosen; a logarithm.
    advantage: f64,
    age: u32,
}

impl Alternative {
    /// Weighs a frame in which the animals took `taken`, with the log-likelihood `chosen`.
    fn weigh(&mut self, taken: [usize; 2], chosen: f64, seen: &[Seen<'_>], scales: &Scales) {
        for (animal, index) in self.animals.iter_mut().zip([taken[1], taken[0]]) {
            let seen = &seen[index];
            match animal.deviation(seen.points) {
                None => self.advantage = f64::NEG_INFINITY,
                Some(deviation) => {
                    self.advantage += log_ratio(animal, &deviation, seen.score, scales);
                    let jumped = is_jump(animal, &deviation, scales);
                    animal.update(seen.points, &deviation, jumped);
                }
            }
        }
        self.advantage -= chosen;
    }
}

/// The other choices that are followed.
#[derive(Default)]
pub(crate) struct Alternatives(Vec<Alternative>);

impl Alternatives {
    /// Some frames later.
    pub(crate) fn advance(&mut self, frames: u32) {
        for alternative in &mut self.0 {
            alternative
                .animals
                .iter_mut()
                .for_each(|animal| animal.advance(frames));
            alternative.age = alternative.age.saturating_add(frames);
        }
    }

    /// Takes the choices that have turned out likelier: exchanges what the animals are and what
    /// they take. Follows those that remain, and those that begin with this frame.
    pub(crate) fn reconsider(
        &mut self,
        animals: &mut [Animal],
        taken: &mut [Option<usize>],
        ratios: &Matrix,
        seen: &[Seen<'_>],
        scales: &Scales,
    ) {
        let mut exchanged: Vec<u32> = Vec::new();
        for mut alternative in std::mem::take(&mut self.0) {
            let [first, second] = alternative.ids;
            if exchanged.contains(&first) || exchanged.contains(&second) {
                continue;
            }
            let index = |id: u32| animals.iter().position(|animal| animal.id == Some(id));
            let (Some(a), Some(b)) = (index(first), index(second)) else {
                continue;
            };
            if let (Some(of_a), Some(of_b)) = (taken[a], taken[b]) {
                let before = alternative.animals.clone();
                let chosen = ratios[(a, of_a)] + ratios[(b, of_b)];
                alternative.weigh([of_a, of_b], chosen, seen, scales);
                if alternative.advantage > WIN {
                    exchanged.extend(alternative.ids);
                    taken.swap(a, b);
                    let [first, second] = before;
                    (animals[a], animals[b]) = (first, second);
                    continue;
                }
            }
            if alternative.age < MAX_AGE && alternative.advantage > -MAX_LOSS {
                self.0.push(alternative);
            }
        }
        self.begin(animals, taken, ratios, seen, scales, &exchanged);
    }

    /// Begins to follow the other choice for pairs that were hardly told apart.
    fn begin(
        &mut self,
        animals: &[Animal],
        taken: &[Option<usize>],
        ratios: &Matrix,
        seen: &[Seen<'_>],
        scales: &Scales,
        exchanged: &[u32],
    ) {
        let known = animals
            .iter()
            .zip(taken)
            .enumerate()
            .filter_map(|(index, (animal, taken))| {
                let id = animal.id.filter(|id| !exchanged.contains(id))?;
                Some((index, id, (*taken)?))
            });
        let known: Vec<_> = known.collect();
        for (at, &(a, id_a, of_a)) in known.iter().enumerate() {
            for &(b, id_b, of_b) in &known[at + 1..] {
                let chosen = ratios[(a, of_a)] + ratios[(b, of_b)];
                let margin = chosen - ratios[(a, of_b)] - ratios[(b, of_a)];
                let ids = [id_a, id_b];
                let followed = self.0.iter().filter(|other| other.ids == ids).count();
                let begins = margin < MAX_MARGIN
                    && followed < MAX_OF_PAIR
                    && self.0.len() < MAX_OF_ANIMAL * animals.len();
                if begins {
                    let mut alternative = Alternative {
                        ids,
                        animals: [animals[a].clone(), animals[b].clone()],
                        advantage: 0.0,
                        age: 0,
                    };
                    alternative.weigh([of_a, of_b], chosen, seen, scales);
                    self.0.push(alternative);
                }
            }
        }
    }
}
