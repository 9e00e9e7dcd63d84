//! `[zone.NAME]`.

use super::section::{Section, numbers};
use crate::drawn::MAX_CORNERS;
use crate::error::RulesError;
use crate::pose::Position;
use crate::zone::{Shape, Zone};

/// Coordinates beyond this are a mistake.
const MAX_COORDINATE: f64 = 1e6;

pub(super) fn read(section: Section<'_>, name: String) -> Result<Zone, RulesError> {
    let shapes = [polygon(&section)?, rectangle(&section)?, circle(&section)?];
    let mut shapes = shapes.into_iter().flatten();
    let Some(shape) = shapes.next() else {
        return Err(section.missing(
            "shape: give polygon = [[x, y], ...], rectangle = [left, top, right, bottom] or \
             circle = [x, y, radius]",
        ));
    };
    if shapes.next().is_some() {
        let reason = format!("{} has two shapes", section.title);
        return Err(section.source.error(section.place, reason));
    }
    section.finish()?;
    Ok(Zone { name, shape })
}

fn polygon(section: &Section<'_>) -> Result<Option<Shape>, RulesError> {
    const FORM: &str = "has to be a list of 3 to 1024 corners: [[x, y], [x, y], [x, y]]";
    let Some(item) = section.item("polygon") else {
        return Ok(None);
    };
    let corners: Option<Vec<Position>> = item
        .as_value()
        .and_then(|value| value.as_array())
        .and_then(|list| list.iter().map(numbers).collect());
    match corners {
        Some(corners) if (3..=MAX_CORNERS).contains(&corners.len()) => {
            check(section, "polygon", corners.as_flattened())?;
            Ok(Some(Shape::Polygon(corners)))
        }
        _ => Err(section.error("polygon", FORM)),
    }
}

fn rectangle(section: &Section<'_>) -> Result<Option<Shape>, RulesError> {
    const FORM: &str = "[left, top, right, bottom] with left < right and top < bottom";
    let Some(sides) = section.numbers("rectangle", FORM)? else {
        return Ok(None);
    };
    let [left, top, right, bottom] = sides;
    if !(left < right && top < bottom) {
        return Err(section.error("rectangle", &format!("has to be {FORM}")));
    }
    check(section, "rectangle", &sides)?;
    let corners = [[left, top], [right, top], [right, bottom], [left, bottom]];
    Ok(Some(Shape::Polygon(corners.to_vec())))
}

fn circle(section: &Section<'_>) -> Result<Option<Shape>, RulesError> {
    const FORM: &str = "[x, y, radius] with a radius above 0";
    let Some(numbers) = section.numbers("circle", FORM)? else {
        return Ok(None);
    };
    let [x, y, radius] = numbers;
    if radius <= 0.0 {
        return Err(section.error("circle", &format!("has to be {FORM}")));
    }
    check(section, "circle", &numbers)?;
    let center = [x, y];
    Ok(Some(Shape::Circle { center, radius }))
}

fn check(section: &Section<'_>, key: &str, numbers: &[f64]) -> Result<(), RulesError> {
    match numbers.iter().all(|number| number.abs() <= MAX_COORDINATE) {
        true => Ok(()),
        false => Err(section.error(key, "has a coordinate beyond a million pixels")),
    }
}
