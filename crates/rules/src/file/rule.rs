//! `[rule.NAME]`.

use super::condition::ConditionReader;
use super::section::Section;
use crate::condition::{Leaf, Quantity};
use crate::error::RulesError;
use crate::pose::PoseKind;
use crate::rule::{Act, PoseRule, Subject};
use crate::stream_names::{MAX_PATTERN_CHARS, MAX_PATTERNS, StreamPatterns};

/// How long what cannot be seen counts as it was, where the file does not say it.
const DEFAULT_MISSING_US: u64 = 200_000;

/// Names that rules can refer to.
pub(super) struct KnownNames {
    pub(super) zones: Vec<String>,
    pub(super) outputs: Vec<String>,
}

pub(super) fn read(
    section: Section<'_>,
    name: String,
    names: &KnownNames,
) -> Result<PoseRule, RulesError> {
    let mut conditions = ConditionReader::new(&names.zones);
    let when = match section.item("when") {
        Some(item) => {
            let title = format!("when of {}", section.title);
            let place = section.place_of("when");
            conditions.read(Section::of(section.source, item, title, place)?, 0)?
        }
        None => {
            return Err(
                section.missing("condition: write when = { node = \"nose\", in = \"ZONE\" }")
            );
        }
    };
    let subject = subject(&section)?;
    let outputs = outputs(&section, names)?;
    let rule = PoseRule {
        name,
        place: section.place,
        streams: streams(&section)?,
        when,
        leaves: conditions.leaves(),
        subject,
        pose: pose(&section)?,
        for_us: section.milliseconds("for")?.unwrap_or(0),
        leave_after_us: section.milliseconds("leave_after")?.unwrap_or(0),
        not_more_often_than_us: section.milliseconds("not_more_often_than")?.unwrap_or(0),
        missing_us: section
            .milliseconds("missing")?
            .unwrap_or(DEFAULT_MISSING_US),
        act: act(&section)?,
        outputs,
    };
    let counts_animals = |leaf: &Leaf| leaf.quantity == Quantity::Animals;
    if matches!(rule.subject, Subject::Each) && rule.when.has(&counts_animals) {
        return Err(section.error(
            "animal",
            "cannot be \"each\" where the number of animals is compared",
        ));
    }
    section.finish()?;
    Ok(rule)
}

fn subject(section: &Section<'_>) -> Result<Subject, RulesError> {
    let Some(word) = section.word("animal")? else {
        return Ok(Subject::Any);
    };
    Ok(match word.text.as_str() {
        "any" => Subject::Any,
        "all" => Subject::All,
        "each" => Subject::Each,
        "" => return Err(section.error("animal", "is any, all, each or an animal's name")),
        name => Subject::Named(name.to_owned()),
    })
}

fn streams(section: &Section<'_>) -> Result<Option<StreamPatterns>, RulesError> {
    let Some(words) = section.words("streams")? else {
        return Ok(None);
    };
    let names: Vec<String> = words.into_iter().map(|word| word.text).collect();
    let is_name = |name: &String| (1..=MAX_PATTERN_CHARS).contains(&name.chars().count());
    if !(1..=MAX_PATTERNS).contains(&names.len()) || !names.iter().all(is_name) {
        return Err(section.error(
            "streams",
            "is a name of a stream or camera, or a list of 1 to 64 of them; * stands for any characters",
        ));
    }
    Ok(Some(StreamPatterns(names)))
}

fn pose(section: &Section<'_>) -> Result<PoseKind, RulesError> {
    let Some(word) = section.word("pose")? else {
        return Ok(PoseKind::Measured);
    };
    match word.text.as_str() {
        "measured" => Ok(PoseKind::Measured),
        "ahead" => Ok(PoseKind::Ahead),
        "smooth" => Ok(PoseKind::Smooth),
        _ => Err(section.unknown(
            &word,
            "pose",
            &["measured", "ahead", "smooth"].map(str::to_owned),
        )),
    }
}

fn outputs(section: &Section<'_>, names: &KnownNames) -> Result<Vec<usize>, RulesError> {
    let words = section.words("do")?.unwrap_or_default();
    let mut outputs = Vec::with_capacity(words.len());
    for word in &words {
        let found = names.outputs.iter().position(|name| *name == word.text);
        let index = found.ok_or_else(|| section.unknown(word, "output", &names.outputs))?;
        if !outputs.contains(&index) {
            outputs.push(index);
        }
    }
    Ok(outputs)
}

fn act(section: &Section<'_>) -> Result<Act, RulesError> {
    let (pulse, at) = (section.milliseconds("pulse")?, section.word("at")?);
    let at_place = at.as_ref().map(|at| at.text.as_str());
    let (at_enter, at_leave) = match at_place {
        None | Some("enter") => (true, false),
        Some("leave") => (false, true),
        Some("both") => (true, true),
        Some(_) => return Err(section.error("at", "is \"enter\", \"leave\" or \"both\"")),
    };
    match pulse {
        None if at.is_some() => Err(section.error("at", "goes with pulse: on for so many ms")),
        None => Ok(Act::While),
        Some(0) => Err(section.error("pulse", "has to be above 0")),
        Some(length_us) => Ok(Act::Pulse {
            length_us,
            at_enter,
            at_leave,
        }),
    }
}
