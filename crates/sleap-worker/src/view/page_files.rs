//! The page's files, compiled into the program.

/// A file as it is served.
pub(super) struct File {
    pub(super) kind: &'static str,
    pub(super) body: &'static [u8],
}

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! files {
    ($($path:literal, $file:literal, $kind:expr;)*) => {
        /// The file at `path`, from the first `/`.
        pub(super) fn find(path: &str) -> Option<File> {
            let (kind, body): (_, &[u8]) = match path {
                $($path => ($kind, include_bytes!(concat!("page/", $file))),)*
                _ => return None,
            };
            Some(File { kind, body })
        }

        #[cfg(test)]
        const PATHS: &[&str] = &[$($path),*];
    };
}

files! {
    "/", "index.html", HTML;
    "/style.css", "style.css", CSS;
    "/icon.svg", "icon.svg", SVG;
    "/main.js", "main.js", SCRIPT;
    "/answer_collector.js", "answer_collector.js", SCRIPT;
    "/camera.js", "camera.js", SCRIPT;
    "/canvas.js", "canvas.js", SCRIPT;
    "/choice.js", "choice.js", SCRIPT;
    "/colors.js", "colors.js", SCRIPT;
    "/crc32.js", "crc32.js", SCRIPT;
    "/device.js", "device.js", SCRIPT;
    "/dom.js", "dom.js", SCRIPT;
    "/figures.js", "figures.js", SCRIPT;
    "/flight_window.js", "flight_window.js", SCRIPT;
    "/grid.js", "grid.js", SCRIPT;
    "/hold_ups.js", "hold_ups.js", SCRIPT;
    "/lane.js", "lane.js", SCRIPT;
    "/lane_keeper.js", "lane_keeper.js", SCRIPT;
    "/lane_plan.js", "lane_plan.js", SCRIPT;
    "/link.js", "link.js", SCRIPT;
    "/network_card.js", "network_card.js", SCRIPT;
    "/notice.js", "notice.js", SCRIPT;
    "/parity.js", "parity.js", SCRIPT;
    "/plot.js", "plot.js", SCRIPT;
    "/pose_recorder.js", "pose_recorder.js", SCRIPT;
    "/poses.js", "poses.js", SCRIPT;
    "/received_unit.js", "received_unit.js", SCRIPT;
    "/record_control.js", "record_control.js", SCRIPT;
    "/sent_units.js", "sent_units.js", SCRIPT;
    "/session.js", "session.js", SCRIPT;
    "/shard_blocks.js", "shard_blocks.js", SCRIPT;
    "/shard_code.js", "shard_code.js", SCRIPT;
    "/shard_collector.js", "shard_collector.js", SCRIPT;
    "/shard_dealer.js", "shard_dealer.js", SCRIPT;
    "/shard_encoder.js", "shard_encoder.js", SCRIPT;
    "/shard_lanes.js", "shard_lanes.js", SCRIPT;
    "/shard_wire.js", "shard_wire.js", SCRIPT;
    "/streams.js", "streams.js", SCRIPT;
    "/track_names.js", "track_names.js", SCRIPT;
    "/trails.js", "trails.js", SCRIPT;
    "/viewer.js", "viewer.js", SCRIPT;
    "/way.js", "way.js", SCRIPT;
    "/wire.js", "wire.js", SCRIPT;
    "/zone_editor.js", "zone_editor.js", SCRIPT;
    "/zones.js", "zones.js", SCRIPT;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(path: &str) -> &'static str {
        std::str::from_utf8(find(path).unwrap().body).unwrap()
    }

    #[test]
    fn all_imports_exist() {
        for path in PATHS {
            for (at, _) in text(path).match_indices("from \"./") {
                let name = text(path)[at + 7..].split('"').next().unwrap();
                assert!(find(name).is_some(), "{path} imports {name}");
            }
        }
        for name in ["style.css", "icon.svg", "main.js"] {
            assert!(text("/").contains(&format!("\"{name}\"")), "{name}");
        }
        assert!(find("/nothing").is_none() && find("").is_none());
    }

    /// A track has the same colour on the page, in the window and in pictures.
    #[test]
    fn colours_are_those_of_the_window() {
        let colors = vision::draw::COLORS
            .iter()
            .chain([&vision::draw::UNTRACKED]);
        let written = colors.map(|[blue, green, red]| format!("#{red:02x}{green:02x}{blue:02x}"));
        let on_page = text("/colors.js")
            .split('"')
            .filter(|part| part.starts_with('#'));
        assert!(on_page.eq(written));
    }

    /// Names come from clients and models: they must not be read as HTML.
    #[test]
    fn texts_never_become_markup() {
        for path in PATHS {
            for way in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
                "eval(",
            ] {
                assert!(!text(path).contains(way), "{path} has {way}");
            }
        }
    }

    #[test]
    fn nothing_comes_from_elsewhere() {
        for path in PATHS {
            let elsewhere = text(path).replace("http://www.w3.org/2000/svg", "");
            assert!(!elsewhere.contains("://"), "{path}");
        }
    }
}
