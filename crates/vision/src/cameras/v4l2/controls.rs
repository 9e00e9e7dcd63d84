//! Controls of a camera, read and set through its driver.

use std::fs::File;

use rustix::io::Errno;

use super::request::{ControlDescription, ControlValue, MenuItem, NewControlValue, V4l2Request};
use super::{MAX_LIST_ENTRIES, open_device, text};
use crate::cameras::controls::{
    Control, ControlError, ControlKind, MenuEntry, SetControl, find, variable_name,
};

/// With a control's number: describe the one after it.
const NEXT: u32 = 0x8000_0000;

/// The exposure time, in units of 100 µs.
const EXPOSURE_ABSOLUTE: u32 = 0x009a_0902;

const KIND_INTEGER: u32 = 1;
const KIND_BOOLEAN: u32 = 2;
const KIND_MENU: u32 = 3;
const KIND_BUTTON: u32 = 4;
const KIND_HEADING: u32 = 6;
const KIND_NUMBER_MENU: u32 = 9;

const DISABLED: u32 = 0x1;
const READ_ONLY: u32 = 0x4;
const INACTIVE: u32 = 0x10;
const WRITE_ONLY: u32 = 0x40;

/// The controls of the camera with this number; none where it cannot be opened.
pub(in crate::cameras) fn controls(index: u32) -> Vec<Control> {
    let device = open_device(&format!("/dev/video{index}"));
    device.map_or_else(|_| Vec::new(), |device| of_device(&device))
}

/// The controls of an open camera.
pub(super) fn of_device(device: &File) -> Vec<Control> {
    let mut controls = Vec::new();
    let mut last = 0;
    for _ in 0..MAX_LIST_ENTRIES {
        let mut found = ControlDescription {
            id: last | NEXT,
            ..ControlDescription::default()
        };
        // A driver that does not go on would go round for ever.
        if found.ask(device).is_err() || found.id <= last {
            break;
        }
        last = found.id;
        if found.kind != KIND_HEADING && found.flags & DISABLED == 0 {
            controls.push(control(device, &found));
        }
    }
    controls
}

fn control(device: &File, found: &ControlDescription) -> Control {
    // Arrays have one description and many values.
    let kind = match found.kind {
        _ if found.nr_of_dims > 0 => ControlKind::Other,
        KIND_INTEGER => ControlKind::Integer {
            least: found.minimum,
            most: found.maximum,
            step: found.step.max(1),
        },
        KIND_BOOLEAN => ControlKind::Boolean,
        KIND_MENU | KIND_NUMBER_MENU => ControlKind::Menu(entries(device, found)),
        KIND_BUTTON => ControlKind::Button,
        _ => ControlKind::Other,
    };
    let has_value = !matches!(kind, ControlKind::Other | ControlKind::Button);
    let is_readable = has_value && found.flags & WRITE_ONLY == 0;
    Control {
        name: variable_name(&text(&found.name)),
        kind,
        default: found.default,
        value: is_readable.then(|| value(device, found.id).ok()).flatten(),
        is_inactive: found.flags & INACTIVE != 0,
        is_read_only: found.flags & READ_ONLY != 0,
        id: found.id,
    }
}

fn entries(device: &File, found: &ControlDescription) -> Vec<MenuEntry> {
    let least = u32::try_from(found.minimum).unwrap_or_default();
    let most = u32::try_from(found.maximum).unwrap_or_default();
    let last = most.min(least.saturating_add(MAX_LIST_ENTRIES));
    let entry = |index| {
        let mut item = MenuItem {
            id: found.id,
            index,
            ..MenuItem::default()
        };
        // A menu may have gaps.
        item.ask(device).ok()?;
        let name = match (found.kind, item.name.first_chunk::<8>()) {
            (KIND_NUMBER_MENU, Some(number)) => i64::from_ne_bytes(*number).to_string(),
            _ => text(&item.name),
        };
        Some(MenuEntry {
            value: i64::from(index),
            name,
        })
    };
    (least..=last).filter_map(entry).collect()
}

fn value(device: &File, id: u32) -> Result<i64, Errno> {
    let mut value = ControlValue { id, value: 0 };
    value.ask(device)?;
    Ok(i64::from(value.value))
}

/// The exposure time that the camera has now, microseconds.
pub(super) fn exposure_us(device: &File) -> Option<u64> {
    let units = value(device, EXPOSURE_ABSOLUTE).ok()?;
    u64::try_from(units).ok().map(|units| units * 100)
}

/// Sets controls by names and values. Those that switch something on or off come first: a number has
/// no effect while the camera sets it itself.
///
/// # Errors
/// Of the first that cannot be set.
pub(super) fn set(
    device: &File,
    settings: &[(&str, &str)],
) -> Result<Vec<SetControl>, ControlError> {
    let controls = of_device(device);
    let mut wanted = Vec::new();
    for (name, value) in settings {
        let control = find(&controls, name)?;
        wanted.push((control, control.value_of(value)?));
    }
    wanted.sort_by_key(|(control, _)| !control.is_switch());
    let set = |(control, value): (&Control, i64)| set_one(device, control, value);
    wanted.into_iter().map(set).collect()
}

fn set_one(device: &File, control: &Control, wanted: i64) -> Result<SetControl, ControlError> {
    let done = |found| SetControl {
        name: control.name.clone(),
        wanted,
        found,
    };
    let refused = |reason: String| ControlError::Refused {
        name: control.name.clone(),
        value: wanted,
        reason,
    };
    let number = i32::try_from(wanted).map_err(|_| refused("it takes 32 bits at most".into()))?;
    let mut now = ControlDescription {
        id: control.id,
        ..ControlDescription::default()
    };
    if now.ask(device).is_ok() && now.flags & INACTIVE != 0 {
        return Err(inactive(device, control));
    }
    let mut new = NewControlValue {
        id: control.id,
        value: number,
    };
    new.ask(device)
        .map_err(|errno| refused(std::io::Error::from(errno).to_string()))?;
    Ok(match control.kind {
        ControlKind::Button => done(None),
        _ => done(value(device, control.id).ok()),
    })
}

/// Names the switches that may be the reason.
fn inactive(device: &File, control: &Control) -> ControlError {
    let automatic = of_device(device)
        .into_iter()
        .filter(|it| it.is_switch() && it.name.contains("auto"))
        .filter_map(|it| Some(format!("{}={}", it.name, it.value_text(it.value?))))
        .collect();
    ControlError::Inactive {
        name: control.name.clone(),
        automatic,
    }
}
