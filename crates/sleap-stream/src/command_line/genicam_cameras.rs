//! `cameras`: the GenICam cameras of this machine and its networks.

use serde_json::{Value, json};
use vision::cameras::GenICamCamera;

/// The most pixel formats on a line.
const FORMATS: usize = 8;

/// A camera, what it offers, and what to give for it.
pub(super) fn lines(camera: &GenICamCamera) -> Vec<String> {
    let location = match camera.address.as_str() {
        "" => camera.protocol.clone(),
        address => format!("{}, {address}", camera.protocol),
    };
    let name = [&camera.vendor, &camera.model, &camera.serial];
    let name: Vec<&str> = name.into_iter().map(String::as_str).collect();
    let name = name.join(" ");
    let mut lines = vec![format!(
        "genicam:{}  {}  ({location})",
        camera.key,
        name.trim()
    )];
    let marked = |(name, is_read): &(String, bool)| match is_read {
        true => name.clone(),
        false => format!("({name})"),
    };
    let formats: Vec<String> = camera.formats.iter().map(marked).collect();
    for formats in formats.chunks(FORMATS) {
        lines.push(format!("   {}", formats.join(" ")));
    }
    if camera.size != (0, 0) {
        let (now, most) = (camera.size, camera.largest);
        let rates = camera
            .rates
            .map(|(least, most)| format!(", {} to {} frames/s", shown(least), shown(most)));
        lines.push(format!(
            "      {}x{} of {}x{}{}",
            now.0,
            now.1,
            most.0,
            most.1,
            rates.unwrap_or_default()
        ));
    }
    lines.push(match &camera.problem {
        Some(problem) => format!("   -> {problem}"),
        None => format!(
            "   -> sleap-stream --camera genicam:{} --jpeg-quality 80",
            camera.key
        ),
    });
    lines
}

/// `30`, `14.98`
fn shown(rate: f64) -> String {
    let text = format!("{rate:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

pub(super) fn object(camera: &GenICamCamera) -> Value {
    let formats = camera.formats.iter();
    let formats = formats.map(|(name, is_read)| json!({"format": name, "is_read": is_read}));
    json!({
        "camera": format!("genicam:{}", camera.key),
        "name": format!("{} {}", camera.vendor, camera.model).trim(),
        "serial": camera.serial,
        "address": camera.address,
        "protocol": camera.protocol,
        "formats": formats.collect::<Vec<_>>(),
        "width": camera.size.0,
        "height": camera.size.1,
        "largest_width": camera.largest.0,
        "largest_height": camera.largest.1,
        "rates": camera.rates.map(|(least, most)| [least, most]),
        "problem": camera.problem,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn camera() -> GenICamCamera {
        GenICamCamera {
            key: "21810700".to_owned(),
            vendor: "Basler".to_owned(),
            model: "acA1300-60gm".to_owned(),
            serial: "21810700".to_owned(),
            address: "10.0.0.2".to_owned(),
            protocol: "GigEVision".to_owned(),
            formats: vec![("Mono8".to_owned(), true), ("Mono12pmsb".to_owned(), false)],
            size: (640, 480),
            largest: (1280, 1024),
            rates: Some((0.5, 60.25)),
            problem: None,
        }
    }

    #[test]
    fn a_camera_is_listed_with_what_to_give_for_it() {
        let expected = "\
genicam:21810700  Basler acA1300-60gm 21810700  (GigEVision, 10.0.0.2)
   Mono8 (Mono12pmsb)
      640x480 of 1280x1024, 0.5 to 60.25 frames/s
   -> sleap-stream --camera genicam:21810700 --jpeg-quality 80
";
        assert_eq!(lines(&camera()), expected.lines().collect::<Vec<_>>());
        let value = object(&camera());
        assert_eq!(value["camera"], "genicam:21810700");
        assert_eq!(value["formats"][1]["is_read"], false);
    }

    #[test]
    fn a_camera_that_cannot_be_used_says_why() {
        let camera = GenICamCamera {
            problem: Some("busy".to_owned()),
            size: (0, 0),
            formats: Vec::new(),
            ..camera()
        };
        let lines = lines(&camera);
        assert_eq!(lines[1..], ["   -> busy"]);
    }
}
