//! A rules file with another zone.

use toml_edit::{Array, DocumentMut, Item, Table, TableLike, Value};

use super::one_line;
use super::section::SourceText;
use crate::error::RulesError;
use crate::rule::Rules;
use crate::zone::{Shape, Zone};

/// The keys of shapes; a zone has one of them.
const SHAPES: [&str; 3] = ["polygon", "rectangle", "circle"];

impl Zone {
    /// The text of a rules file in which the zone has this shape: in place of the one of its name, or added. Everything else
    /// stays as it is, comments too. `file`: its name in messages.
    ///
    /// # Errors
    /// The file cannot be read, or could not with the zone.
    pub fn in_file(&self, file: &str, text: &str) -> Result<String, RulesError> {
        let source = SourceText { name: file, text };
        // With the places of what is wrong.
        Rules::parse(file, text)?;
        let read: Result<DocumentMut, _> = text.parse();
        let mut document = read
            .map_err(|error| source.error(source.place(error.span()), one_line(error.message())))?;
        let is_there = self.put(document.as_table_mut());
        if !is_there {
            return Err(source.error(source.place(None), "zone is not written as tables"));
        }
        let changed = document.to_string();
        Rules::parse(file, &changed)?;
        Ok(changed)
    }

    /// Puts the zone into a document. False where that has something else in its place.
    fn put(&self, document: &mut Table) -> bool {
        let zones = document.entry("zone").or_insert_with(|| {
            let mut zones = Table::new();
            // `[zone]` alone is not written.
            zones.set_implicit(true);
            Item::Table(zones)
        });
        let Some(zones) = zones.as_table_like_mut() else {
            return false;
        };
        if !zones.contains_key(&self.name) {
            zones.insert(&self.name, Item::Table(Table::new()));
        }
        let zone = zones.get_mut(&self.name).and_then(Item::as_table_like_mut);
        let is_table = zone.is_some();
        if let Some(zone) = zone {
            self.shape.put(zone);
        }
        is_table
    }
}

impl Shape {
    /// Puts the shape in place of the one that is there, with the comments around that.
    fn put(&self, zone: &mut dyn TableLike) {
        let (key, mut value) = match self {
            Self::Polygon(corners) => {
                let corners = corners.iter().map(|corner| list(corner));
                ("polygon", Value::Array(corners.collect()))
            }
            Self::Circle {
                center: [x, y],
                radius,
            } => ("circle", list(&[*x, *y, *radius])),
        };
        let before = SHAPES.iter().find(|key| zone.contains_key(key));
        let around = before.and_then(|before| {
            let of_key = zone.key(before)?.leaf_decor().clone();
            let of_value = zone.get(before)?.as_value()?.decor().clone();
            Some((of_key, of_value))
        });
        if let Some(before) = before.filter(|before| **before != key) {
            zone.remove(before);
        }
        let Some((of_key, of_value)) = around else {
            zone.insert(key, Item::Value(value));
            return;
        };
        *value.decor_mut() = of_value;
        zone.insert(key, Item::Value(value));
        if let Some(mut key) = zone.key_mut(key) {
            *key.leaf_decor_mut() = of_key;
        }
    }
}

fn list(numbers: &[f64]) -> Value {
    // A tenth of a pixel is finer than a hand is.
    let rounded = numbers.iter().map(|number| (number * 10.0).round() / 10.0);
    let written = rounded.map(|number| match number.fract() == 0.0 {
        true => Value::from(number as i64),
        false => Value::from(number),
    });
    Value::Array(written.collect::<Array>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
# Cage 3, from above.
silence = 300

[zone.corner] # by the water
# left, top, right, bottom
rectangle = [0, 0, 200, 150] # measured on Monday

[output.log]
to = 'udp://127.0.0.1:9000'

[rule.light]
when = { node = 'nose', in = 'corner' } # the nose
do = 'log'
";

    fn zone(name: &str, shape: Shape) -> Zone {
        Zone {
            name: name.to_owned(),
            shape,
        }
    }

    fn triangle() -> Shape {
        Shape::Polygon(vec![[0.0, 0.0], [20.04, 0.0], [0.0, 12.56]])
    }

    #[test]
    fn comments_and_order_stay() {
        let changed = zone("corner", triangle()).in_file("r", FILE).unwrap();
        let expected = FILE.replace(
            "rectangle = [0, 0, 200, 150]",
            "polygon = [[0, 0], [20, 0], [0, 12.6]]",
        );
        assert_eq!(changed, expected);
        let circle = Shape::Circle {
            center: [5.0, 6.0],
            radius: 7.5,
        };
        let again = zone("corner", circle).in_file("r", &changed).unwrap();
        let expected = FILE.replace("rectangle = [0, 0, 200, 150]", "circle = [5, 6, 7.5]");
        assert_eq!(again, expected);
    }

    #[test]
    fn a_new_zone_is_added() {
        let changed = zone("the nest", triangle()).in_file("r", FILE).unwrap();
        assert!(
            changed.contains("[zone.\"the nest\"]\npolygon = [[0, 0]"),
            "{changed}"
        );
        let without = changed.replace(
            "[zone.\"the nest\"]\npolygon = [[0, 0], [20, 0], [0, 12.6]]\n",
            "",
        );
        let written = |text: &str| -> Vec<String> {
            let lines = text.lines().filter(|line| !line.is_empty());
            lines.map(str::to_owned).collect()
        };
        assert_eq!(written(&without), written(FILE));
        let rules = Rules::parse("r", &changed).unwrap();
        assert!(rules.zones.iter().any(|zone| zone.name == "the nest"));
        for text in [
            "zone = { corner = { circle = [1, 2, 3] } }\n[rule.r]\nwhen = { present = true }\n",
            "zone.corner.circle = [1, 2, 3]\n[rule.r]\nwhen = { present = true }\n",
            "[rule.r]\nwhen = { present = true }\n",
        ] {
            let changed = zone("corner", triangle()).in_file("r", text).unwrap();
            let rules = Rules::parse("r", &changed).unwrap();
            let expected = Shape::Polygon(vec![[0.0, 0.0], [20.0, 0.0], [0.0, 12.6]]);
            assert_eq!(rules.zones[0].shape, expected, "{changed}");
        }
    }

    #[test]
    fn a_file_that_would_be_wrong_is_not_made() {
        let error = |name: &str, text: &str| {
            let changed = zone(name, triangle()).in_file("r.toml", text);
            changed.unwrap_err().to_string()
        };
        assert!(error("a\nb", FILE).contains("the name of a zone has"));
        assert!(error("", FILE).contains("the name of a zone has"));
        assert!(error("corner", "[rule").contains("line 1"));
        assert!(error("corner", "zone = 3").contains("zone is written as tables"));
    }
}
