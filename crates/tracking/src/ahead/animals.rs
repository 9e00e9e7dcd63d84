//! What is known of each animal, for a bounded number of animals and a bounded time.

use std::collections::HashMap;

/// Animals that are followed at most.
const MAX_ANIMALS: usize = 256;

/// How long an animal that is not seen is remembered, seconds.
const MEMORY_S: f64 = 2.0;

/// What is known of each animal, by its name.
#[derive(Debug)]
pub(super) struct AnimalMap<T> {
    animals: HashMap<String, (f64, T)>,
    now: f64,
}

impl<T> Default for AnimalMap<T> {
    fn default() -> Self {
        Self {
            animals: HashMap::new(),
            now: f64::NEG_INFINITY,
        }
    }
}

impl<T: Default> AnimalMap<T> {
    /// A frame begins that was captured at this time, seconds.
    pub(super) fn begin(&mut self, now: f64) {
        // A clock that was set back: all times that are known are of another clock.
        if !now.is_finite() || now < self.now {
            self.animals.clear();
        }
        self.now = now;
        self.animals.retain(|_, (seen, _)| now - *seen <= MEMORY_S);
    }

    /// What is known of an animal; `None` where there are too many.
    pub(super) fn get(&mut self, name: &str) -> Option<&mut T> {
        if !self.animals.contains_key(name) {
            if self.animals.len() >= MAX_ANIMALS {
                return None;
            }
            self.animals
                .insert(name.to_owned(), (self.now, T::default()));
        }
        let (seen, animal) = self.animals.get_mut(name)?;
        *seen = self.now;
        Some(animal)
    }
}
