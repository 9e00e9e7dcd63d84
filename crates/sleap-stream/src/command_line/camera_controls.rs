//! What can be set at a camera, for people and for programs.

use serde_json::{Value, json};
use vision::cameras::{Control, ControlKind};

/// A line for each control.
pub(super) fn lines(controls: &[Control]) -> Vec<String> {
    if controls.is_empty() {
        return vec!["   no controls: its driver has none that can be read here".to_owned()];
    }
    let widest = controls.iter().map(|it| it.name.len()).max();
    let widest = widest.unwrap_or_default();
    let mut lines = vec!["   controls, for --camera-set NAME=VALUE".to_owned()];
    lines.extend(controls.iter().map(|control| {
        let line = format!("      {:<widest$}  {}", control.name, about(control));
        line.trim_end().to_owned()
    }));
    lines
}

/// What a control takes, what it has without being set, and what it has now.
fn about(control: &Control) -> String {
    let mut about = vec![match &control.kind {
        ControlKind::Integer { least, most, step } => match step {
            0 | 1 => format!("{least} to {most}"),
            _ => format!("{least} to {most} in steps of {step}"),
        },
        ControlKind::Boolean => "on or off".to_owned(),
        ControlKind::Menu(entries) => {
            let entry = |entry: &vision::cameras::MenuEntry| {
                let (value, name) = (entry.value, &entry.name);
                format!("{value} ({name})")
            };
            entries.iter().map(entry).collect::<Vec<_>>().join(", ")
        }
        ControlKind::Button => "1 starts it".to_owned(),
        ControlKind::Other => "not set here".to_owned(),
    }];
    if !matches!(control.kind, ControlKind::Button | ControlKind::Other) {
        let default = control.value_text(control.default);
        about.push(format!("default {default}"));
    }
    about.extend(
        control
            .value
            .map(|value| format!("now {}", control.value_text(value))),
    );
    if control.is_read_only {
        about.push("only read".to_owned());
    } else if control.is_inactive {
        about.push("set by the camera itself now".to_owned());
    }
    about.join("; ")
}

/// A control as an object.
pub(super) fn object(control: &Control) -> Value {
    let (kind, limits) = match &control.kind {
        ControlKind::Integer { least, most, step } => (
            "integer",
            json!({"least": least, "most": most, "step": step}),
        ),
        ControlKind::Boolean => ("boolean", json!({})),
        ControlKind::Menu(entries) => {
            let entry = |entry: &vision::cameras::MenuEntry| json!({"value": entry.value, "name": entry.name});
            let entries: Vec<Value> = entries.iter().map(entry).collect();
            ("menu", json!({"entries": entries}))
        }
        ControlKind::Button => ("button", json!({})),
        ControlKind::Other => ("other", json!({})),
    };
    let mut object = json!({
        "name": control.name,
        "kind": kind,
        "default": control.default,
        "value": control.value,
        "inactive": control.is_inactive,
        "read_only": control.is_read_only,
    });
    if let (Value::Object(object), Value::Object(limits)) = (&mut object, limits) {
        object.extend(limits);
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use vision::cameras::MenuEntry;

    fn controls() -> Vec<Control> {
        let entry = |value, name: &str| MenuEntry {
            value,
            name: name.to_owned(),
        };
        let kind = ControlKind::Menu(vec![entry(1, "Manual Mode"), entry(3, "Aperture")]);
        let auto = Control::new("auto_exposure", kind, 3, Some(3));
        let kind = ControlKind::Integer {
            least: 3,
            most: 2047,
            step: 1,
        };
        let mut exposure = Control::new("exposure_time_absolute", kind, 250, Some(250));
        exposure.is_inactive = true;
        let white = Control::new("white_balance_automatic", ControlKind::Boolean, 1, Some(0));
        vec![auto, exposure, white]
    }

    #[test]
    fn a_control_is_listed_with_limits_default_and_value() {
        let expected = "   controls, for --camera-set NAME=VALUE
      auto_exposure            1 (Manual Mode), 3 (Aperture); default 3 (Aperture); now 3 (Aperture)
      exposure_time_absolute   3 to 2047; default 250; now 250; set by the camera itself now
      white_balance_automatic  on or off; default on; now off";
        assert_eq!(lines(&controls()).join("\n"), expected);
        assert!(lines(&[])[0].contains("no controls"));
    }

    #[test]
    fn a_control_is_an_object_with_the_limits_of_its_kind() {
        let objects: Vec<Value> = controls().iter().map(object).collect();
        assert_eq!(objects[0]["entries"][1]["name"], "Aperture");
        assert_eq!(
            (&objects[1]["least"], &objects[1]["step"]),
            (&3.into(), &1.into())
        );
        assert_eq!(objects[1]["inactive"], true);
        assert_eq!(
            (&objects[2]["kind"], &objects[2]["value"]),
            (&"boolean".into(), &0.into())
        );
    }
}
