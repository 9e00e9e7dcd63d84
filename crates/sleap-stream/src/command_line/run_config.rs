//! From the options to the streams of a run: one, or one for each of several cameras.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Result, bail};
use closed_loop::{LoadedRules, OriginColumns};
use vision::capture::Source;

use crate::command_line::args::Args;
use crate::command_line::several_cameras_args::plain;
use crate::command_line::sources::sources;
use crate::config::{Config, RunConfig};

/// Cameras of one run at most.
const MAX_CAMERAS: usize = 16;

impl TryFrom<Args> for RunConfig {
    type Error = anyhow::Error;

    /// Checks what the options mean together. An error here is a usage error.
    fn try_from(args: Args) -> Result<Self> {
        let several = args.several.clone();
        let sources = sources(&args)?;
        let config = Config::try_from(args)?;
        if sources.len() < 2 {
            if let [name, ..] = &several.camera_name[..] {
                bail!(
                    "--camera-name {name} is for several cameras, and there is one: leave it out"
                );
            }
            if several.sync_tolerance.is_some() {
                bail!("--sync-tolerance is for several cameras, and there is one: leave it out");
            }
            return Ok(Self {
                streams: vec![config],
                sync_tolerance: None,
                moments_file: None,
                rules: None,
            });
        }
        check(&config, &sources)?;
        let names = names(&sources, &several.camera_name)?;
        let moments_file = moments_file(&config.outputs);
        let streams = sources.into_iter().zip(names);
        let streams = streams.map(|(source, name)| of_camera(&config, source, name));
        Ok(Self {
            streams: streams.collect(),
            sync_tolerance: several.sync_tolerance,
            moments_file,
            rules: config.rules.map(of_cameras),
        })
    }
}

/// Checks that several sources can be streamed at a time.
fn check(config: &Config, sources: &[Source]) -> Result<()> {
    let cameras = sources.len();
    if cameras > MAX_CAMERAS {
        bail!(
            "these are {cameras} cameras, and one client streams {MAX_CAMERAS} at most: start another one"
        );
    }
    let mut seen = HashSet::new();
    if let Some(twice) = sources.iter().find(|source| !seen.insert(identity(source))) {
        bail!("{} is given twice", called(twice));
    }
    let of = |source: &Source| Config {
        capture: vision::capture::Config {
            source: source.clone(),
            ..config.capture.clone()
        },
        ..config.clone()
    };
    let configs: Vec<Config> = sources.iter().map(of).collect();
    if configs.iter().any(Config::is_piped) {
        bail!(
            "a pipe is streamed alone: its frames have no time of capture that other cameras could share"
        );
    }
    let recordings = configs.iter().filter(|config| config.has_end()).count();
    if recordings != 0 && recordings != cameras {
        bail!(
            "recordings and live sources have no clock in common: stream these one after the other"
        );
    }
    let kinds: HashSet<_> = sources.iter().map(std::mem::discriminant).collect();
    let has_settings = |source: &Source| match source {
        Source::Webcam(webcam) => !webcam.settings.is_empty(),
        Source::GenICam(camera) => !camera.settings.is_empty(),
        _ => false,
    };
    if kinds.len() > 1 && sources.iter().any(has_settings) {
        bail!(
            "--camera-set has other names for --webcam than for --camera: leave it out, or start a client for each kind"
        );
    }
    Ok(())
}

/// What tells a source from others.
fn identity(source: &Source) -> String {
    match source {
        Source::Webcam(webcam) => format!("webcam {}", webcam.index),
        Source::GenICam(camera) => format!("genicam {:?}", camera.camera),
        Source::File(name) => format!("file {name}"),
        Source::Images { files, .. } => format!("images {files:?}"),
        // Patterns may be alike.
        other => format!("{:p}", std::ptr::from_ref(other)),
    }
}

/// A source, for messages.
fn called(source: &Source) -> String {
    match source {
        Source::Webcam(webcam) => format!("--webcam {}", webcam.index),
        Source::GenICam(camera) => match &camera.camera {
            Some(name) => format!("--camera genicam:{name}"),
            None => "--camera genicam, the first one that is found,".to_owned(),
        },
        Source::File(name) => format!("--stream {name}"),
        Source::Images { name, .. } => format!("--stream {name}"),
        _ => "a source".to_owned(),
    }
}

/// The names of cameras: those that are given, or else after their sources.
fn names(sources: &[Source], given: &[String]) -> Result<Vec<Arc<str>>> {
    let cameras = sources.len();
    if !given.is_empty() && given.len() != cameras {
        bail!(
            "--camera-name is given {} times, and there are {cameras} cameras: give a name for each, or none",
            given.len()
        );
    }
    let mut names: Vec<Arc<str>> = Vec::new();
    // File systems may not tell capital letters from small ones.
    let mut taken = HashSet::new();
    for (index, source) in sources.iter().enumerate() {
        let name = match given.get(index) {
            Some(name) => name.clone(),
            None => name_of(source, index),
        };
        let mut unused = name.clone();
        let mut copy = 2_u32;
        while !taken.insert(unused.to_ascii_lowercase()) {
            if !given.is_empty() {
                bail!("--camera-name {name} is given twice");
            }
            unused = format!("{name}-{copy}");
            copy += 1;
        }
        names.push(unused.into());
    }
    Ok(names)
}

fn name_of(source: &Source, index: usize) -> String {
    match source {
        Source::Webcam(webcam) => format!("webcam{}", webcam.index),
        Source::GenICam(camera) => plain(camera.camera.as_deref().unwrap_or("genicam")),
        Source::File(name) if crate::config::is_path(name) => {
            let stem = Path::new(name).file_stem().unwrap_or_default();
            plain(&stem.to_string_lossy())
        }
        // Addresses may hold passwords.
        Source::File(_) => format!("stream{}", index + 1),
        Source::Images { name, .. } => plain(name),
        _ => format!("pattern{}", index + 1),
    }
}

/// The stream of one camera: the options of all, and files of its own.
fn of_camera(config: &Config, source: Source, name: Arc<str>) -> Config {
    let own = |path: &PathBuf| beside(path, &name);
    Config {
        capture: vision::capture::Config {
            source,
            ..config.capture.clone()
        },
        outputs: config.outputs.iter().map(own).collect(),
        snapshot: config.snapshot.as_ref().map(own),
        record: config.record.as_ref().map(own),
        connect: config.connect.of_another_stream(),
        camera: Some(Arc::clone(&name)),
        rules: config.rules.as_ref().map(without_events),
        ..config.clone()
    }
}

/// The rules of all cameras: events name theirs.
fn of_cameras(mut rules: LoadedRules) -> LoadedRules {
    if let Some(events) = &mut rules.events {
        events.origin = OriginColumns::CameraAndMoment;
    }
    rules
}

/// The rules, for what a camera needs to know of them: the events of all are in one file.
fn without_events(rules: &LoadedRules) -> LoadedRules {
    LoadedRules {
        events: None,
        ..rules.clone()
    }
}

/// `poses-back.slp` beside `poses.slp`. Standard output stays.
fn beside(path: &Path, name: &str) -> PathBuf {
    if path.as_os_str() == "-" {
        return path.to_owned();
    }
    let mut file = OsString::from(path.file_stem().unwrap_or_default());
    file.push(format!("-{name}"));
    if let Some(extension) = path.extension() {
        file.push(".");
        file.push(extension);
    }
    path.with_file_name(file)
}

/// The table of moments stands beside the first file of poses.
fn moments_file(outputs: &[PathBuf]) -> Option<PathBuf> {
    let first = outputs.iter().find(|path| path.as_os_str() != "-")?;
    Some(beside(first, "moments").with_extension("csv"))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    fn parse(line: &str) -> Result<RunConfig> {
        let line = format!("sleap-stream {line}");
        RunConfig::try_from(Args::try_parse_from(line.split_whitespace())?)
    }

    fn names_of(line: &str) -> Vec<String> {
        let streams = parse(line).unwrap().streams;
        let name = |stream: &Config| stream.camera.as_deref().unwrap_or("none").to_owned();
        streams.iter().map(name).collect()
    }

    #[test]
    fn cameras_are_called_after_their_sources_or_as_the_options_say() {
        for (line, expected) in [
            ("--webcam 0", &["none"][..]),
            ("--webcam 2 --webcam 0", &["webcam2", "webcam0"]),
            (
                "--camera genicam:Fake_1 --webcam 0 --camera genicam",
                &["webcam0", "Fake_1", "genicam"],
            ),
            (
                "--test-pattern --test-pattern @5+3",
                &["pattern1", "pattern2"],
            ),
            ("--stream a/x.mp4 --stream b/X.mp4", &["x", "X-2"]),
            (
                "--stream rtsp://me:pw@h/1 --stream rtsp://h/2",
                &["stream1", "stream2"],
            ),
            (
                "--webcam 0 --webcam 1 --camera-name back --camera-name side",
                &["back", "side"],
            ),
        ] {
            assert_eq!(names_of(line), expected, "{line}");
        }
    }

    #[test]
    fn each_camera_has_files_of_its_own() {
        let line =
            "--webcam 0 --webcam 1 -o - -o d/a.b.slp -o c.jsonl --record r.mkv --snapshot s.png";
        let run = parse(line).unwrap();
        let path = |path: &str| PathBuf::from(path);
        let one = &run.streams[1];
        let expected = ["-", "d/a.b-webcam1.slp", "c-webcam1.jsonl"].map(path);
        assert_eq!(one.outputs, expected);
        assert_eq!(one.record, Some(path("r-webcam1.mkv")));
        assert_eq!(one.snapshot, Some(path("s-webcam1.png")));
        assert_eq!(run.moments_file, Some(path("d/a.b-moments.csv")));
        let alone = parse("--webcam 0 -o a.slp").unwrap();
        assert_eq!(alone.streams[0].outputs, [path("a.slp")]);
        assert_eq!(alone.moments_file, None);
        assert_eq!(
            parse("--webcam 0 --webcam 1 -o -").unwrap().moments_file,
            None
        );
    }

    #[test]
    fn what_several_cameras_cannot_do_is_refused() {
        let many: String = (0..17).map(|index| format!("--webcam {index} ")).collect();
        for (line, word) in [
            ("--webcam 0 --camera-name back", "there is one"),
            ("--webcam 0 --sync-tolerance 5", "there is one"),
            ("--webcam 0 --webcam 0", "given twice"),
            ("--camera genicam --camera genicam", "given twice"),
            ("--stream a.mp4 --stream a.mp4", "given twice"),
            ("--webcam 0 --webcam 1 --camera-name a", "a name for each"),
            (
                "--webcam 0 --webcam 1 --camera-name a --camera-name a",
                "given twice",
            ),
            ("--stream a.mp4 --stream -", "a pipe"),
            ("--stream a.mp4 --stream rtsp://h/1", "no clock in common"),
            ("--stream a.mp4 --stream b.mp4 c.mp4", "--stream"),
            (
                "--webcam 0 --camera genicam --camera-set exposure=5",
                "other names",
            ),
            ("--webcam 0 --test-pattern", "cannot be used with"),
            ("--webcam 0 --stream a.mp4", "cannot be used with"),
            ("--camera genicam --stream a.mp4", "cannot be used with"),
            (
                "--webcam 0 --camera genicam --jpeg-quality camera",
                "is for --webcam",
            ),
            (&many, "16 at most"),
        ] {
            let error = format!("{:#}", parse(line).unwrap_err());
            assert!(error.contains(word), "{line}: {error}");
        }
    }
}
