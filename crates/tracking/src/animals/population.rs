//! How many animals there are.

use crate::animals::animal::Animal;

/// Frames in which an animal has to be seen before it gets a number, where their number is not
/// given.
const MIN_HITS: u32 = 3;
/// The same while an animal is hidden that it could be, had it moved faster than any.
const MIN_HITS_WHILE_HIDDEN: u32 = 12;
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

    /// Gives numbers to the animals that have been seen often enough, and forgets those that were
    /// not.
    pub(crate) fn settle(&mut self) {
        let mut numbered = self.numbered();
        let hidden = self.animals.iter().any(|a| a.id.is_some() && a.missed > 0);
        let needed = if hidden {
            MIN_HITS_WHILE_HIDDEN
        } else {
            MIN_HITS
        };
        for animal in self.animals.iter_mut().filter(|animal| animal.id.is_none()) {
            if animal.hits >= needed && animal.missed == 0 && numbered < self.most {
                animal.id = Some(numbered);
                numbered += 1;
            }
        }
    }

    /// Forgets animals without a number that have not been seen again.
    pub(crate) fn forget(&mut self) {
        self.animals
            .retain(|animal| animal.id.is_some() || animal.missed <= MAX_MISSED);
    }
}
