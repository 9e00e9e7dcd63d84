//! How many animals there are.

use crate::animals::animal::Animal;

/// Frames in which an animal has to be seen before it gets a number, where their number is not
/// given.
const MIN_HITS: u32 = 3;
/// Frames after which an animal without a number is forgotten.
const MAX_MISSED: u32 = 2;

/// The animals that have a number, and those that may be some.
pub(crate) struct Population {
    /// The largest number of animals.
    pub(crate) most: u32,
    /// Whether there are that many.
    pub(crate) known: bool,
    pub(crate) animals: Vec<Animal>,
}

impl Population {
    pub(crate) fn new(most: u32, known: bool) -> Self {
        Self {
            most,
            known,
            animals: Vec::new(),
        }
    }

    fn numbered(&self) -> u32 {
        self.animals
            .iter()
            .filter(|animal| animal.id.is_some())
            .count() as u32
    }

    /// Begins an animal with a detection that no animal explains; its index.
    pub(crate) fn begin(&mut self, points: &[[f64; 2]]) -> Option<usize> {
        let numbered = self.numbered();
        if numbered >= self.most {
            return None;
        }
        let id = self.known.then_some(numbered);
        let animal = Animal::begin(points, id)?;
        self.animals.push(animal);
        Some(self.animals.len() - 1)
    }

    /// Gives numbers to the animals that have been seen often enough: that of an animal that has
    /// been hidden since before they came, the nearest one, else a new one. The number of animals
    /// is thus the largest number that was seen at once.
    pub(crate) fn settle(&mut self) {
        let settles =
            |animal: &Animal| animal.id.is_none() && animal.hits >= MIN_HITS && animal.missed == 0;
        for index in 0..self.animals.len() {
            if !settles(&self.animals[index]) {
                continue;
            }
            let new = &self.animals[index];
            let hidden = self
                .animals
                .iter()
                .enumerate()
                .filter(|(_, animal)| animal.id.is_some() && animal.missed >= new.hits);
            let nearest = hidden.min_by(|(_, a), (_, b)| {
                let distance = |animal: &Animal| animal.distance_squared(new);
                distance(a).total_cmp(&distance(b))
            });
            if let Some((hidden, _)) = nearest {
                self.animals[index].id = self.animals[hidden].id.take();
            } else {
                // Numbers have no gaps: an animal that has one keeps it, or hands it on.
                self.animals[index].id = Some(self.numbered()).filter(|id| *id < self.most);
            }
        }
    }

    /// Forgets animals without a number that have not been seen again.
    pub(crate) fn forget(&mut self) {
        self.animals
            .retain(|animal| animal.id.is_some() || animal.missed <= MAX_MISSED);
    }
}
