//! `when = { ... }`.

use toml_edit::{Item, Value};

use super::section::{Section, Word};
use crate::condition::{Condition, Leaf, NamedPoint, Other, Quantity, Range};
use crate::error::RulesError;
use crate::pose::Landmark;
use crate::rule::CENTROID;

/// Conditions inside each other at most.
const MAX_DEPTH: usize = 16;

/// Comparisons of a rule at most.
const MAX_LEAVES: usize = 64;

/// Largest value that is compared with.
const MAX_VALUE: f64 = 1e9;

/// Over how long a speed is measured, where the file does not say it.
const DEFAULT_OVER_US: u64 = 100_000;

const FORMS: &str = "comparison: give node and in, distance, speed, heading, turning, present, \
    animals, or join conditions with and, or, not";

/// Reads the conditions of one rule.
pub(super) struct ConditionReader<'a> {
    zones: &'a [String],
    leaves: usize,
}

impl<'a> ConditionReader<'a> {
    pub(super) fn new(zones: &'a [String]) -> Self {
        Self { zones, leaves: 0 }
    }

    /// Comparisons that were read.
    pub(super) fn leaves(&self) -> usize {
        self.leaves
    }

    pub(super) fn read(
        &mut self,
        section: Section<'_>,
        depth: usize,
    ) -> Result<Condition, RulesError> {
        if depth > MAX_DEPTH {
            let reason = format!("more than {MAX_DEPTH} conditions inside each other");
            return Err(section.source.error(section.place, reason));
        }
        let mut found = Vec::new();
        for (key, is_and) in [("and", true), ("or", false)] {
            if let Some(item) = section.item(key) {
                let list = self.list(&section, key, item, depth)?;
                found.push(match is_and {
                    true => Condition::And(list),
                    false => Condition::Or(list),
                });
            }
        }
        if let Some(item) = section.item("not") {
            let place = section.place_of("not");
            let inner = Section::of(section.source, item, "not".to_owned(), place)?;
            found.push(Condition::Not(Box::new(self.read(inner, depth + 1)?)));
        }
        if let Some(leaf) = self.leaf(&section)? {
            found.push(Condition::Leaf(leaf));
        }
        let title = section.title.clone();
        let (source, place) = (section.source, section.place);
        if found.is_empty() {
            // A key with a typing error is the likelier cause, and is said first.
            section.finish()?;
            return Err(source.error(place, format!("{title} has no {FORMS}")));
        }
        section.finish()?;
        match (found.pop(), found.is_empty()) {
            (Some(condition), true) => Ok(condition),
            _ => {
                let reason = format!("{title} has two conditions: join them with and = [...]");
                Err(source.error(place, reason))
            }
        }
    }

    fn list(
        &mut self,
        section: &Section<'_>,
        key: &'static str,
        item: &Item,
        depth: usize,
    ) -> Result<Vec<Condition>, RulesError> {
        const FORM: &str = "has to be a list of conditions: [{ ... }, { ... }]";
        let list = item.as_value().and_then(Value::as_array);
        let list = list.filter(|list| !list.is_empty());
        let list = list.ok_or_else(|| section.error(key, FORM))?;
        let read = |value: &Value| {
            let place = section.source.place(value.span());
            let table = value.as_inline_table();
            let table =
                table.ok_or_else(|| section.source.error(place, format!("{key} {FORM}")))?;
            self.read(
                Section::new(
                    section.source,
                    table,
                    format!("a condition of {key}"),
                    place,
                ),
                depth + 1,
            )
        };
        list.iter().map(read).collect()
    }

    fn leaf(&mut self, section: &Section<'_>) -> Result<Option<Leaf>, RulesError> {
        let quantities = [
            self.depth(section)?,
            self.distance(section)?,
            speed(section)?,
            self.heading(section)?,
            turning(section)?,
            present(section)?,
            animals(section)?,
        ];
        let mut quantities = quantities.into_iter().flatten();
        let Some((quantity, range)) = quantities.next() else {
            return Ok(None);
        };
        if quantities.next().is_some() {
            let reason = format!(
                "{} has two comparisons: join them with and = [...]",
                section.title
            );
            return Err(section.source.error(section.place, reason));
        }
        let index = self.leaves;
        self.leaves += 1;
        if self.leaves > MAX_LEAVES {
            let reason = format!("more than {MAX_LEAVES} comparisons");
            return Err(section.source.error(section.place, reason));
        }
        Ok(Some(Leaf {
            index,
            quantity,
            range,
        }))
    }

    fn depth(&self, section: &Section<'_>) -> Result<Option<(Quantity, Range)>, RulesError> {
        let (node, zone) = (section.word("node")?, section.word("in")?);
        let (node, zone) = match (node, zone) {
            (None, None) => return Ok(None),
            (Some(_), None) => return Err(section.missing("in: the name of a zone")),
            (None, Some(_)) => {
                return Err(section.missing("node: the name of a node, or \"centroid\""));
            }
            (Some(node), Some(zone)) => (node, zone),
        };
        let zone = self.zone(section, &zone)?;
        let point = named(node);
        let range = Range {
            above: Some(0.0),
            below: None,
            hysteresis: hysteresis(section)?,
        };
        Ok(Some((Quantity::Depth { point, zone }, range)))
    }

    fn zone(&self, section: &Section<'_>, zone: &Word) -> Result<usize, RulesError> {
        let found = self.zones.iter().position(|name| *name == zone.text);
        found.ok_or_else(|| section.unknown(zone, "zone", self.zones))
    }

    fn distance(&self, section: &Section<'_>) -> Result<Option<(Quantity, Range)>, RulesError> {
        let Some((from, to)) = two_points(section, "distance")? else {
            return Ok(None);
        };
        let of = match section.word("to_animal")? {
            None => Other::Same,
            Some(word) => animal(word),
        };
        Ok(Some((
            Quantity::Distance { from, to, of },
            limits(section, "distance")?,
        )))
    }

    fn heading(&self, section: &Section<'_>) -> Result<Option<(Quantity, Range)>, RulesError> {
        let Some((from, to)) = two_points(section, "heading")? else {
            return Ok(None);
        };
        let (zone, other) = (section.word("towards")?, section.word("towards_animal")?);
        let towards = match (zone, other) {
            (Some(zone), None) => Other::Zone(self.zone(section, &zone)?),
            (None, Some(other)) => animal(other),
            _ => return Err(section.missing("towards (a zone) or towards_animal")),
        };
        let within = section.number("within", 0.0..=180.0)?;
        let within = within.ok_or_else(|| section.missing("within: degrees"))?;
        let range = Range {
            above: None,
            below: Some(within),
            hysteresis: hysteresis(section)?,
        };
        Ok(Some((Quantity::Heading { from, to, towards }, range)))
    }
}

fn speed(section: &Section<'_>) -> Result<Option<(Quantity, Range)>, RulesError> {
    let Some(word) = section.word("speed")? else {
        return Ok(None);
    };
    let (point, over_us) = (named(word), over(section)?);
    Ok(Some((
        Quantity::Speed { point, over_us },
        limits(section, "speed")?,
    )))
}

fn turning(section: &Section<'_>) -> Result<Option<(Quantity, Range)>, RulesError> {
    let Some((from, to)) = two_points(section, "turning")? else {
        return Ok(None);
    };
    let over_us = over(section)?;
    Ok(Some((
        Quantity::Turning { from, to, over_us },
        limits(section, "turning")?,
    )))
}

fn present(section: &Section<'_>) -> Result<Option<(Quantity, Range)>, RulesError> {
    let point = match section.item("present") {
        None => return Ok(None),
        Some(item) if item.as_bool() == Some(true) => Word {
            text: CENTROID.to_owned(),
            place: section.place_of("present"),
        },
        Some(item) => match item.as_str() {
            Some(text) => Word {
                text: text.to_owned(),
                place: section.place_of("present"),
            },
            None => return Err(section.error("present", "has to be true, or a node's name")),
        },
    };
    let range = Range {
        above: Some(0.5),
        ..Range::default()
    };
    let point = named(point);
    Ok(Some((Quantity::Present { point }, range)))
}

fn animals(section: &Section<'_>) -> Result<Option<(Quantity, Range)>, RulesError> {
    const COUNT: std::ops::RangeInclusive<f64> = 0.0..=1000.0;
    let exact = section.number("animals", COUNT)?;
    let least = section.number("animals_at_least", COUNT)?;
    let most = section.number("animals_at_most", COUNT)?;
    if exact.or(least).or(most).is_none() {
        return Ok(None);
    }
    if exact.is_some() && (least.is_some() || most.is_some()) {
        return Err(section.error("animals", "says already how many there are"));
    }
    let range = Range {
        above: exact.or(least).map(|count| count - 0.5),
        below: exact.or(most).map(|count| count + 0.5),
        hysteresis: 0.0,
    };
    Ok(Some((Quantity::Animals, range)))
}

fn limits(section: &Section<'_>, what: &str) -> Result<Range, RulesError> {
    let above = section.number("above", -MAX_VALUE..=MAX_VALUE)?;
    let below = section.number("below", -MAX_VALUE..=MAX_VALUE)?;
    let hysteresis = hysteresis(section)?;
    match (above, below) {
        (None, None) => Err(section.missing(&format!("above or below, which {what} needs"))),
        (Some(above), Some(below)) if above >= below => {
            Err(section.error("above", "has to be less than below"))
        }
        _ => Ok(Range {
            above,
            below,
            hysteresis,
        }),
    }
}

fn hysteresis(section: &Section<'_>) -> Result<f64, RulesError> {
    let hysteresis = section.number("hysteresis", 0.0..=MAX_VALUE)?;
    Ok(hysteresis.unwrap_or(0.0))
}

fn over(section: &Section<'_>) -> Result<u64, RulesError> {
    match section.milliseconds("over")? {
        Some(0) => Err(section.error("over", "has to be above 0")),
        over => Ok(over.unwrap_or(DEFAULT_OVER_US)),
    }
}

fn two_points(
    section: &Section<'_>,
    key: &'static str,
) -> Result<Option<(NamedPoint, NamedPoint)>, RulesError> {
    let Some(words) = section.words(key)? else {
        return Ok(None);
    };
    match <[Word; 2]>::try_from(words) {
        Ok([from, to]) => Ok(Some((named(from), named(to)))),
        Err(_) => Err(section.error(key, "has to be two nodes: [\"tail_base\", \"nose\"]")),
    }
}

fn named(word: Word) -> NamedPoint {
    NamedPoint {
        name: word.text,
        place: word.place,
        landmark: Landmark::Centroid,
    }
}

fn animal(word: Word) -> Other {
    match word.text.as_str() {
        "nearest" => Other::Nearest,
        _ => Other::Named(word.text),
    }
}
