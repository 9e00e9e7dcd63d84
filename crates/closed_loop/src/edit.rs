//! Zones that people draw: checked, written into the rules file, and used at once.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, anyhow, bail};
use atomic_file::{draft_beside, save};
use protocol::{RuleSide, ZoneOutline, ZoneShape};
use rules::{Shape, Zone};

use crate::file::{read, with_hint};

/// The rules file, where it may be changed.
pub(crate) struct ZoneEditor {
    at: RuleSide,
    /// `None` where it may not.
    path: Option<PathBuf>,
    /// One change at a time.
    changing: Mutex<()>,
}

impl ZoneEditor {
    pub(crate) fn new(at: RuleSide, path: Option<PathBuf>) -> Self {
        Self {
            at,
            path,
            changing: Mutex::new(()),
        }
    }

    /// Writes the zone into the file, and hands it to `used` then. `picture`: width and height of the source, where they
    /// are known.
    pub(crate) fn edit(
        &self,
        outline: &ZoneOutline,
        picture: Option<(u32, u32)>,
        used: impl FnOnce(Zone),
    ) -> Result<()> {
        let Some(path) = &self.path else {
            bail!(
                "these rules cannot be changed from a page: start {} with --rules-editable",
                match self.at {
                    RuleSide::Client => "sleap-stream",
                    RuleSide::Worker => "sleap-worker",
                }
            );
        };
        let zone = zone(outline);
        zone.shape.check_drawn(picture)?;
        // The lock holds nothing that a panic could leave half-done.
        let _one = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = path.display().to_string();
        let text = read(path).with_context(|| format!("cannot read {shown}"))?;
        let changed = zone.in_file(&shown, &text);
        let changed = changed.map_err(|error| anyhow!(with_hint(error)))?;
        write(path, &changed).with_context(|| format!("cannot write {shown}"))?;
        tracing::info!(zone = %zone.name, file = %shown, "a zone was drawn and saved");
        used(zone);
        Ok(())
    }
}

/// The zone as rules have it; numbers as fine as they are written.
fn zone(outline: &ZoneOutline) -> Zone {
    let rounded = |value: f64| (value * 10.0).round() / 10.0;
    let shape = match &outline.shape {
        ZoneShape::Polygon(corners) => {
            Shape::Polygon(corners.iter().map(|corner| corner.map(rounded)).collect())
        }
        ZoneShape::Circle(circle) => {
            let [x, y, radius] = circle.map(rounded);
            Shape::Circle {
                center: [x, y],
                radius,
            }
        }
    };
    Zone {
        name: outline.name.clone(),
        shape,
    }
}

/// Replaces the file as a whole; a link to it stays one, and who may read it stays the same.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let path = fs::canonicalize(path)?;
    let mut draft = draft_beside(&path)?;
    draft.write_all(text.as_bytes())?;
    let file = draft.as_file();
    file.set_permissions(fs::metadata(&path)?.permissions())?;
    file.sync_all()?;
    save(draft, &path, true).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str =
        "[zone.corner]\ncircle = [9, 9, 9] # by the water\n[rule.r]\nwhen = { present = true }\n";

    fn outline(name: &str, shape: ZoneShape) -> ZoneOutline {
        ZoneOutline {
            name: name.to_owned(),
            shape,
        }
    }

    #[test]
    fn a_zone_is_written_and_used_or_refused_and_the_file_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("r.toml");
        fs::write(&path, FILE).unwrap();
        let used = Mutex::new(Vec::new());
        let edit = |editor: &ZoneEditor, zone: &ZoneOutline| {
            let keep = |zone: Zone| used.lock().unwrap().push(zone.name);
            let edited = editor.edit(zone, Some((640, 480)), keep);
            edited.map_err(|error| format!("{error:#}"))
        };
        let editor = ZoneEditor::new(RuleSide::Worker, Some(path.clone()));
        let nest = outline("corner", ZoneShape::Circle([5.04, 6.0, 7.0]));
        let closed = ZoneEditor::new(RuleSide::Worker, None);
        let error = edit(&closed, &nest).unwrap_err();
        assert!(
            error.contains("sleap-worker with --rules-editable"),
            "{error}"
        );
        let bow = vec![[0.0, 0.0], [10.0, 10.0], [10.0, 0.0], [0.0, 12.0]];
        for (zone, words) in [
            (
                outline("corner", ZoneShape::Polygon(bow)),
                "cross each other",
            ),
            (
                outline("corner", ZoneShape::Circle([-50.0, 9.0, 9.0])),
                "outside",
            ),
            (outline("a\nb", nest.shape.clone()), "the name of a zone"),
        ] {
            let error = edit(&editor, &zone).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), FILE);
        assert!(used.lock().unwrap().is_empty());
        edit(&editor, &nest).unwrap();
        let expected = FILE.replace("[9, 9, 9]", "[5, 6, 7]");
        assert_eq!(fs::read_to_string(&path).unwrap(), expected);
        assert_eq!(*used.lock().unwrap(), ["corner"]);
        // What a person has written into it meanwhile is not lost, and a mistake is said.
        fs::write(&path, format!("{FILE}[rule")).unwrap();
        let error = edit(&editor, &nest).unwrap_err();
        assert!(error.contains("line 5"), "{error}");
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_one_and_permissions_stay() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let dir = tempfile::tempdir().unwrap();
        let (file, link) = (dir.path().join("r.toml"), dir.path().join("l.toml"));
        fs::write(&file, FILE).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("r.toml", &link).unwrap();
        let editor = ZoneEditor::new(RuleSide::Client, Some(link.clone()));
        let nest = outline("nest", ZoneShape::Circle([50.0, 60.0, 7.0]));
        editor.edit(&nest, None, |_| {}).unwrap();
        assert!(link.is_symlink());
        assert!(fs::read_to_string(&file).unwrap().contains("[zone.nest]"));
        let mode = fs::metadata(&file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o640);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
    }
}
