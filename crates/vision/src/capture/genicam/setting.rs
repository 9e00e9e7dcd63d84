//! Sets features of a camera, after checking what they take.

use crate::aravis::{CallError, Camera, FeatureKind};
use crate::capture::CameraSetting;
use crate::capture::genicam_error::GenICamError;

/// The most entries of an enumeration that an error names.
const MAX_SHOWN: usize = 40;

/// Sets a feature. `name`: the camera's, for messages.
pub(super) fn apply(
    camera: &Camera,
    name: &str,
    setting: &CameraSetting,
) -> Result<(), GenICamError> {
    let CameraSetting {
        name: feature,
        value,
    } = setting;
    let failed = |error: CallError| GenICamError::of(name, format!("set {setting}"))(error);
    let refused = |allowed: String| GenICamError::Value {
        camera: name.to_owned(),
        feature: feature.clone(),
        value: value.clone(),
        allowed,
    };
    let kind = camera.feature_kind(feature).map_err(failed)?;
    let Some(kind) = kind.filter(|kind| *kind != FeatureKind::Other) else {
        return Err(GenICamError::NoFeature {
            camera: name.to_owned(),
            feature: feature.clone(),
            names: camera.feature_names(),
        });
    };
    if kind != FeatureKind::Command && camera.is_read_only(feature).map_err(failed)? {
        return Err(refused("it can only be read".to_owned()));
    }
    match kind {
        FeatureKind::Integer => {
            let bounds = camera.integer_bounds(feature).map_err(failed)?;
            let value = integer(value, bounds, camera.integer_step(feature)).map_err(refused)?;
            camera.set_integer(feature, value)
        }
        FeatureKind::Float => {
            let bounds = camera.float_bounds(feature).map_err(failed)?;
            camera.set_float(feature, float(value, bounds).map_err(refused)?)
        }
        FeatureKind::Boolean => camera.set_boolean(feature, boolean(value).map_err(refused)?),
        FeatureKind::Enumeration => {
            let entries = camera.entries(feature).map_err(failed)?;
            camera.set_text(feature, entry(value, &entries).map_err(refused)?)
        }
        FeatureKind::Command => {
            command(value).map_err(refused)?;
            camera.execute(feature)
        }
        FeatureKind::Text | FeatureKind::Other => camera.set_text(feature, value),
    }
    .map_err(failed)?;
    let found = shown(camera, feature, kind);
    tracing::info!(camera = name, %feature, asked = %value, found, "camera set");
    Ok(())
}

/// The value that the camera has now, for the log.
fn shown(camera: &Camera, feature: &str, kind: FeatureKind) -> Option<String> {
    match kind {
        FeatureKind::Integer => camera.integer(feature).ok().map(|it| it.to_string()),
        FeatureKind::Float => camera.float(feature).ok().map(|it| it.to_string()),
        FeatureKind::Boolean => camera.boolean(feature).ok().map(|it| it.to_string()),
        FeatureKind::Enumeration | FeatureKind::Text => camera.text(feature).ok(),
        FeatureKind::Command | FeatureKind::Other => None,
    }
}

/// A whole number within bounds, on a step from the least one. An error says what is allowed.
fn integer(text: &str, (least, most): (i64, i64), step: i64) -> Result<i64, String> {
    let steps = match step {
        1 => String::new(),
        step => format!(" in steps of {step}"),
    };
    let range = || format!("it takes {least} to {most}{steps}");
    let number = match text.strip_prefix("0x") {
        Some(digits) => i64::from_str_radix(digits, 16),
        None => text.parse(),
    };
    let number = number.map_err(|_| format!("it is a whole number: {}", range()))?;
    if !(least..=most).contains(&number) {
        return Err(range());
    }
    let (from, step) = (i128::from(least), i128::from(step));
    let below = from + (i128::from(number) - from) / step * step;
    if below == i128::from(number) {
        return Ok(number);
    }
    let nearest = match below + step {
        above if above <= i128::from(most) => format!("{below} and {above} are the nearest"),
        _ => format!("{below} is the nearest"),
    };
    Err(format!("{}; {nearest}", range()))
}

fn float(text: &str, (least, most): (f64, f64)) -> Result<f64, String> {
    let number: f64 = text
        .parse()
        .map_err(|_| format!("it is a number from {least} to {most}"))?;
    match number >= least && number <= most {
        true => Ok(number),
        false => Err(format!("it takes {least} to {most}")),
    }
}

fn boolean(text: &str) -> Result<bool, String> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "on" | "1" => Ok(true),
        "false" | "off" | "0" => Ok(false),
        _ => Err("it is switched: true or false".to_owned()),
    }
}

/// The entry with this name, in whichever case its letters are.
fn entry<'a>(text: &str, entries: &'a [String]) -> Result<&'a str, String> {
    let exact = entries.iter().find(|entry| *entry == text);
    let alike = || {
        entries
            .iter()
            .find(|entry| entry.eq_ignore_ascii_case(text))
    };
    exact.or_else(alike).map(String::as_str).ok_or_else(|| {
        let shown: Vec<&str> = entries.iter().take(MAX_SHOWN).map(String::as_str).collect();
        format!("it takes {}", shown.join(", "))
    })
}

fn command(text: &str) -> Result<(), String> {
    match text {
        "1" | "true" | "execute" => Ok(()),
        _ => Err("it is a command: give 1 to execute it".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_held_to_bounds_and_steps() {
        assert_eq!(integer("640", (16, 2048), 4), Ok(640));
        assert_eq!(integer("0x10", (16, 2048), 4), Ok(16));
        assert_eq!(integer("-3", (i64::MIN, i64::MAX), 1), Ok(-3));
        for (text, bounds, step, words) in [
            (
                "641",
                (16, 2048),
                4,
                "in steps of 4; 640 and 644 are the nearest",
            ),
            ("2047", (16, 2047), 4, "2044 is the nearest"),
            ("5000", (16, 2048), 1, "it takes 16 to 2048"),
            ("15", (16, 2048), 1, "it takes 16 to 2048"),
            ("1.5", (16, 2048), 1, "whole number"),
            ("", (0, 1), 1, "whole number"),
            ("99999999999999999999", (0, 1), 1, "whole number"),
        ] {
            let error = integer(text, bounds, step).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
        let widest = (i64::MIN, i64::MAX);
        assert!(integer(&i64::MAX.to_string(), widest, i64::MAX).is_err());
    }

    #[test]
    fn numbers_are_held_to_bounds() {
        assert_eq!(float("2.5", (0.0, 10.0)), Ok(2.5));
        assert_eq!(float("1e3", (0.0, 1e4)), Ok(1000.0));
        for text in ["10.5", "-1", "NaN", "inf", "fast", ""] {
            let error = float(text, (0.0, 10.0)).unwrap_err();
            assert!(error.contains("0 to 10"), "{text}: {error}");
        }
    }

    #[test]
    fn switches_commands_and_entries_say_what_they_take() {
        assert_eq!((boolean("On"), boolean("0")), (Ok(true), Ok(false)));
        assert!(boolean("maybe").unwrap_err().contains("true or false"));
        assert!(command("now").unwrap_err().contains("give 1"));
        let entries = ["Off", "Once", "Continuous"].map(str::to_owned);
        assert_eq!(entry("off", &entries), Ok("Off"));
        let error = entry("Auto", &entries).unwrap_err();
        assert_eq!(error, "it takes Off, Once, Continuous");
    }
}
