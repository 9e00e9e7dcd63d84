//! The animals of a frame.

use std::collections::HashSet;

use crate::pose::{FramePoses, InstancePoints, PoseKind};

/// Animals of a frame that count at most.
pub(super) const MAX_ANIMALS: usize = 256;

/// Which animal it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum AnimalKey {
    /// By its track.
    Name(String),
    /// By its place in the frame, where animals are not told apart.
    Place(usize),
}

impl AnimalKey {
    /// As it is written; a place is no name.
    pub(super) fn name(&self) -> Option<&str> {
        match self {
            Self::Name(name) => Some(name),
            Self::Place(_) => None,
        }
    }
}

/// The animals of a frame.
pub(super) struct Scene<'a> {
    frame: &'a FramePoses<'a>,
    /// The animals, and which instance each is.
    animals: Vec<(AnimalKey, usize)>,
}

impl<'a> Scene<'a> {
    /// Where animals are told apart, an instance without a name is none. A name that comes twice
    /// belongs to the first instance.
    pub(super) fn of(frame: &'a FramePoses<'a>) -> Self {
        let instances = 0..frame.measured.len();
        let animals = match frame.names.is_empty() {
            true => instances
                .take(MAX_ANIMALS)
                .map(|index| (AnimalKey::Place(index), index))
                .collect(),
            false => {
                let mut seen = HashSet::new();
                let named = instances.zip(frame.names);
                named
                    .filter_map(|(index, name)| Some((index, name.as_ref()?)))
                    .filter(|(_, name)| seen.insert(*name))
                    .take(MAX_ANIMALS)
                    .map(|(index, name)| (AnimalKey::Name(name.clone()), index))
                    .collect()
            }
        };
        Self { frame, animals }
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &AnimalKey> {
        self.animals.iter().map(|(key, _)| key)
    }

    pub(super) fn len(&self) -> usize {
        self.animals.len()
    }

    /// The points of an animal; `None` where it is not in the frame.
    pub(super) fn points(&self, key: &AnimalKey, kind: PoseKind) -> Option<&'a InstancePoints> {
        let (_, index) = self.animals.iter().find(|(other, _)| other == key)?;
        self.frame.of(kind).get(*index)
    }

    /// The points of all other animals.
    pub(super) fn others(
        &self,
        key: &AnimalKey,
        kind: PoseKind,
    ) -> impl Iterator<Item = &'a InstancePoints> {
        let instances = self.frame.of(kind);
        let others = self.animals.iter().filter(move |(other, _)| other != key);
        others.filter_map(|(_, index)| instances.get(*index))
    }
}
