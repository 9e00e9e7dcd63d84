//! A file of rules, read.

use crate::condition::{Condition, Leaf, NamedPoint};
use crate::error::{Place, RulesError};
use crate::pose::{Landmark, PoseKind};
use crate::stream_names::StreamPatterns;
use crate::zone::Zone;

/// The name of the point that is no node: the mean of the visible nodes.
pub(crate) const CENTROID: &str = "centroid";

/// The content of a rules file.
#[derive(Debug, Clone, PartialEq)]
pub struct Rules {
    /// The file, as it was named.
    pub file: String,
    /// Areas of the picture.
    pub zones: Vec<Zone>,
    /// What rules switch or send to.
    pub outputs: Vec<Output>,
    /// How long poses may stop before all outputs are switched off, microseconds.
    pub silence_us: u64,
    pub(crate) rules: Vec<PoseRule>,
}

/// What rules switch or send to.
#[derive(Debug, Clone, PartialEq)]
pub struct Output {
    /// Its name.
    pub name: String,
    /// Where its bytes go.
    pub to: OutputTarget,
    /// What is sent.
    pub form: OutputForm,
    /// Where it stands in the file.
    pub place: Place,
}

/// Where the bytes of an output go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutputTarget {
    /// A serial port.
    Serial {
        /// Its device file or name.
        port: String,
        /// Bits a second.
        baud: u32,
    },
    /// A target of `--emit`, as a URL.
    Url(String),
}

/// What is sent to an output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutputForm {
    /// These bytes when it is switched on and off.
    Switch {
        /// When the first rule switches it on.
        on: Vec<u8>,
        /// When no rule keeps it on any more.
        off: Vec<u8>,
    },
    /// A message for each event.
    Events,
}

/// Whose condition counts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Subject {
    /// That of one animal at least.
    Any,
    /// That of all animals.
    All,
    /// Each animal's for itself.
    Each,
    /// This animal's.
    Named(String),
}

/// Which of its edges a rule acts on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    /// On at entering, off at leaving.
    While,
    /// On for so many microseconds at these edges.
    Pulse {
        length_us: u64,
        at_enter: bool,
        at_leave: bool,
    },
}

/// A rule.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PoseRule {
    pub(crate) name: String,
    pub(crate) place: Place,
    /// The streams that it is for; `None`: all.
    pub(crate) streams: Option<StreamPatterns>,
    pub(crate) when: Condition,
    /// Comparisons in it.
    pub(crate) leaves: usize,
    pub(crate) subject: Subject,
    pub(crate) pose: PoseKind,
    /// How long the condition has to hold.
    pub(crate) for_us: u64,
    /// How long it must not hold any more.
    pub(crate) leave_after_us: u64,
    /// The shortest time between two enterings.
    pub(crate) not_more_often_than_us: u64,
    /// How long what cannot be seen counts as it was.
    pub(crate) missing_us: u64,
    /// Indices of outputs.
    pub(crate) outputs: Vec<usize>,
    pub(crate) act: Act,
}

impl Rules {
    /// The names of the rules, in the order of the file.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.rules.iter().map(|rule| rule.name.as_str())
    }

    /// The rules that are for none of these streams, each of which has two names.
    pub fn for_none_of<'a>(&'a self, streams: &'a [[&str; 2]]) -> impl Iterator<Item = &'a str> {
        let rules = self.rules.iter();
        let unused = rules.filter(move |rule| !streams.iter().any(|names| rule.is_for(names)));
        unused.map(|rule| rule.name.as_str())
    }

    /// Whether a rule uses these poses.
    pub fn uses(&self, kind: PoseKind) -> bool {
        self.rules.iter().any(|rule| rule.pose == kind)
    }

    /// The first rule that uses these poses, as a place in the file and the rule's name.
    pub fn first_that_uses(&self, kind: PoseKind) -> Option<(&str, Place)> {
        let rule = self.rules.iter().find(|rule| rule.pose == kind)?;
        Some((&rule.name, rule.place))
    }

    /// Whether a rule depends on which animal is which.
    pub fn need_identity(&self) -> bool {
        self.first_that_needs_identity().is_some()
    }

    /// The first rule that depends on which animal is which, with its place in the file.
    pub fn first_that_needs_identity(&self) -> Option<(&str, Place)> {
        let is_needed = |leaf: &Leaf| leaf.quantity.needs_identity();
        let rule = self.rules.iter().find(|rule| {
            matches!(rule.subject, Subject::Each | Subject::Named(_)) || rule.when.has(&is_needed)
        })?;
        Some((&rule.name, rule.place))
    }

    /// Finds the nodes that the rules name in a skeleton.
    ///
    /// # Errors
    /// A node that the skeleton does not have.
    pub fn bind(&mut self, nodes: &[String]) -> Result<(), RulesError> {
        let file = self.file.clone();
        for rule in &mut self.rules {
            rule.when.each_leaf_mut(&mut |leaf: &mut Leaf| {
                let mut points = leaf.quantity.points_mut().into_iter();
                points.try_for_each(|point| bind(point, nodes, &file))
            })?;
        }
        Ok(())
    }
}

impl PoseRule {
    /// Whether it is for a stream that has these names.
    pub(crate) fn is_for(&self, names: &[&str]) -> bool {
        self.streams
            .as_ref()
            .is_none_or(|streams| streams.fit(names))
    }
}

fn bind(point: &mut NamedPoint, nodes: &[String], file: &str) -> Result<(), RulesError> {
    let found = nodes.iter().position(|node| *node == point.name);
    point.landmark = match found {
        Some(index) => Landmark::Node(index),
        None if point.name == CENTROID => Landmark::Centroid,
        None => {
            let reason = format!("the model has no node {:?}", point.name);
            let known = nodes.iter().cloned().chain([CENTROID.to_owned()]);
            return Err(RulesError::unknown(
                file,
                point.place,
                reason,
                &point.name,
                known.collect(),
            ));
        }
    };
    Ok(())
}
