//! The names of the animals that multi-class models identify.

/// Names by class index.
#[derive(Clone, Debug, Default)]
pub(crate) struct Identities {
    names: Vec<String>,
}

impl Identities {
    /// With the names of the metadata, where it has them.
    pub(crate) fn new(names: Option<Vec<String>>) -> Self {
        Self {
            names: names.unwrap_or_default(),
        }
    }

    /// How many there are; known from the graph's outputs.
    pub(crate) fn count(&self) -> usize {
        self.names.len()
    }

    /// Sets how many the graph has: missing names are generated, surplus ones are dropped.
    pub(crate) fn set_count(&mut self, count: usize) {
        self.names.truncate(count);
        for class in self.names.len()..count {
            self.names.push(format!("class_{class}"));
        }
    }

    /// The name of a class.
    pub(crate) fn name(&self, class: usize) -> String {
        self.names[class].clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_names_as_the_graph_has_classes() {
        let mut identities = Identities::new(Some(vec!["female".to_owned()]));
        identities.set_count(2);
        assert_eq!(identities.count(), 2);
        assert_eq!(identities.name(0), "female");
        assert_eq!(identities.name(1), "class_1");
        identities.set_count(1);
        assert_eq!(identities.count(), 1);
    }
}
