//! `cameras`: the cameras of this machine, and the options for each.

use anyhow::{Context, Result};
use cli::terminal;
use serde_json::{Value, json};
use vision::cameras::{self, Camera, Control, JPEG, Mode, Size};

use crate::command_line::camera_controls;
use crate::command_line::genicam_cameras as genicam;

/// Least frames per second of a size that is proposed.
const FAST: f64 = 24.0;

/// Prints the cameras of this machine.
pub(crate) fn print(as_json: bool, with_controls: bool) -> Result<()> {
    let cameras = cameras::list();
    let found = cameras::genicam();
    let rigs = found.as_deref().unwrap_or_default();
    let controls = |camera: &Camera| match with_controls {
        true => Some(cameras::controls(camera.index)),
        false => None,
    };
    if as_json {
        let object = |camera| object(camera, controls(camera).as_deref());
        let others = rigs.iter().map(genicam::object);
        let list: Vec<Value> = cameras.iter().map(object).chain(others).collect();
        let text = serde_json::to_string_pretty(&list).context("cannot write the list")?;
        let text = protocol::text::json_escaped(&text).into_owned();
        return terminal::pass(format!("{text}\n").as_bytes());
    }
    if cameras.is_empty() && rigs.is_empty() {
        terminal::say(NONE);
    } else {
        let lines = |camera| lines(camera, controls(camera).as_deref());
        let others = rigs.iter().map(genicam::lines);
        let texts: Vec<_> = cameras.iter().map(lines).chain(others).collect();
        terminal::print(texts.join(&String::new()))?;
    }
    if let Err(missing) = &found {
        terminal::say(format!("GenICam cameras were not looked for: {missing}"));
    }
    Ok(())
}

/// What is printed where there is no camera.
pub(crate) const NONE: &str = "no camera was found: plug one in; a container or a virtual machine has to be given its device \
     (/dev/video0). --test-pattern streams without one";

fn lines(camera: &Camera, controls: Option<&[Control]>) -> Vec<String> {
    let location = [&camera.path, &camera.bus];
    let location: Vec<&str> = location.into_iter().flatten().map(String::as_str).collect();
    let location = match location.as_slice() {
        [] => String::new(),
        location => format!("  ({})", location.join(", ")),
    };
    let mut lines = vec![format!("{}  {}{location}", camera.index, camera.name)];
    for (formats, modes) in alike(camera) {
        lines.extend(wrapped(&formats).iter().map(|line| format!("   {line}")));
        lines.extend(modes.iter().map(|mode| {
            let line = format!("      {:<12} {}", mode.size.to_string(), rates(mode));
            line.trim_end().to_owned()
        }));
    }
    lines.extend(controls.map(camera_controls::lines).unwrap_or_default());
    lines.push(match &camera.problem {
        Some(problem) => format!("   -> {problem}"),
        None => format!(
            "   -> sleap-stream --webcam {}{}",
            camera.index,
            advice(camera)
        ),
    });
    lines
}

fn rates(mode: &Mode) -> String {
    let rate = |rate: &f64| {
        let text = format!("{rate:.2}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    };
    match mode.rates.as_slice() {
        [] => String::new(),
        rates => format!(
            "{} frames/s",
            rates.iter().map(rate).collect::<Vec<_>>().join(", ")
        ),
    }
}

/// Formats with their modes, those together that have the same ones.
fn alike(camera: &Camera) -> Vec<(Vec<&str>, Vec<&Mode>)> {
    let mut groups: Vec<(Vec<&str>, Vec<&Mode>)> = Vec::new();
    for formats in camera
        .modes
        .chunk_by(|one, other| one.format == other.format)
    {
        let name = formats[0].format.as_str();
        let same = |modes: &[&Mode]| {
            let both = modes.iter().zip(formats);
            let mut differ =
                both.filter(|(one, other)| one.size != other.size || one.rates != other.rates);
            modes.len() == formats.len() && differ.next().is_none()
        };
        match groups.iter_mut().find(|(_, modes)| same(modes)) {
            Some((names, _)) if names.contains(&name) => {}
            Some((names, _)) => names.push(name),
            None => groups.push((vec![name], formats.iter().collect())),
        }
    }
    groups
}

/// Names on as many lines as they need.
fn wrapped(names: &[&str]) -> Vec<String> {
    names.chunks(12).map(|names| names.join(" ")).collect()
}

/// The options that suit the camera.
fn advice(camera: &Camera) -> String {
    let quality = if camera.has_jpeg() { "camera" } else { "80" };
    // Motion has to be visible; a driver that does not list its rates is taken to be fast enough.
    let is_fast = |mode: &&Mode| mode.rates.first().is_none_or(|rate| *rate >= FAST);
    let format = |mode: &&Mode| !camera.has_jpeg() || JPEG.contains(&mode.format.as_str());
    let exact = camera.modes.iter().filter(format).filter(is_fast);
    let sizes = exact.filter_map(|mode| match mode.size {
        Size::Exactly(width, height) => Some((width, height)),
        Size::Between(..) => None,
    });
    let largest = sizes.max_by_key(|(width, height)| u64::from(*width) * u64::from(*height));
    let size = largest.map(|(width, height)| format!(" --webcam-size {width}x{height}"));
    format!("{} --jpeg-quality {quality}", size.unwrap_or_default())
}

fn object(camera: &Camera, controls: Option<&[Control]>) -> Value {
    let mode = |mode: &Mode| {
        let ((least_width, least_height), (width, height)) = match mode.size {
            Size::Exactly(width, height) => ((width, height), (width, height)),
            Size::Between(least, most) => (least, most),
        };
        json!({
            "format": mode.format,
            "width": width, "height": height,
            "least_width": least_width, "least_height": least_height,
            "rates": mode.rates,
        })
    };
    let mut object = json!({
        "index": camera.index,
        "name": camera.name,
        "path": camera.path,
        "bus": camera.bus,
        "jpeg": camera.has_jpeg(),
        "modes": camera.modes.iter().map(mode).collect::<Vec<_>>(),
        "problem": camera.problem.as_ref().map(ToString::to_string),
    });
    if let Some(controls) = controls {
        object["controls"] = controls.iter().map(camera_controls::object).collect();
    }
    object
}

#[cfg(test)]
mod tests {
    use super::*;
    use vision::cameras::Problem;

    fn camera() -> Camera {
        let mode = |format: &str, size, rates: &[f64]| Mode {
            format: format.to_owned(),
            size,
            rates: rates.to_vec(),
        };
        Camera {
            index: 2,
            name: "Rig camera".to_owned(),
            path: Some("/dev/video2".to_owned()),
            bus: Some("usb-1".to_owned()),
            modes: vec![
                mode("MJPG", Size::Exactly(1920, 1080), &[5.0]),
                mode("MJPG", Size::Exactly(1280, 720), &[30.0, 14.985]),
                mode("MJPG", Size::Exactly(640, 480), &[]),
                mode("YUYV", Size::Between((16, 16), (640, 480)), &[30.0]),
                mode("GREY", Size::Between((16, 16), (640, 480)), &[30.0]),
            ],
            problem: None,
        }
    }

    #[test]
    fn a_camera_is_listed_with_what_to_give_for_it() {
        let expected = "\
2  Rig camera  (/dev/video2, usb-1)
   MJPG
      1920x1080    5 frames/s
      1280x720     30, 14.98 frames/s
      640x480
   YUYV GREY
      16x16 to 640x480 30 frames/s
   -> sleap-stream --webcam 2 --webcam-size 1280x720 --jpeg-quality camera
";
        assert_eq!(lines(&camera(), None), expected.lines().collect::<Vec<_>>());
        let value = object(&camera(), None);
        assert_eq!((&value["index"], &value["jpeg"]), (&json!(2), &json!(true)));
        assert_eq!(value["modes"][3]["least_width"], 16);
    }

    #[test]
    fn a_camera_that_cannot_be_used_says_what_to_do() {
        let device = "/dev/video2".to_owned();
        let problem = Some(Problem::Permission { device });
        let camera = Camera {
            problem,
            ..camera()
        };
        let found = lines(&camera, None).join("\n");
        assert!(found.contains("group `video`"), "{found}");
        assert!(!found.contains("--webcam"), "{found}");
    }
}
