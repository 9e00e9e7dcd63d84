//! What is no video, and is named for what it is.

use super::*;

#[test]
fn what_is_not_a_video_is_named_for_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let missing = open_error(&path("none.mp4"));
    assert!(matches!(missing, OpenError::Missing { .. }));
    assert!(missing.to_string().contains("none.mp4: no such file"));
    fs::write(path("empty.mp4"), "").unwrap();
    assert!(matches!(
        open_error(&path("empty.mp4")),
        OpenError::Empty { .. }
    ));
    fs::write(path("text.mp4"), "this is not a video\n".repeat(100)).unwrap();
    assert!(matches!(
        open_error(&path("text.mp4")),
        OpenError::NotAVideo { bytes: 2000, .. }
    ));
    assert!(matches!(
        open_error(folder.path().to_str().unwrap()),
        OpenError::Folder { .. }
    ));
    assert!(matches!(
        open_error(&path("img_%03d.png")),
        OpenError::NoSequence { .. }
    ));
}

/// A TIFF file's beginning: one page with samples of 16 bits that are floats.
const HALF_FLOATS: &[u8] = b"II*\0\x08\0\0\0\x02\0\
    \x02\x01\x03\0\x01\0\0\0\x10\0\0\0\
    \x53\x01\x03\0\x01\0\0\0\x03\0\0\0\0\0\0\0";

#[test]
fn a_tiff_of_floats_is_refused_alone_and_in_a_sequence() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("img_001.tif"), HALF_FLOATS).unwrap();
    for name in ["img_001.tif", "img_%03d.tif"] {
        let error = open_error(&path(name));
        assert!(matches!(error, OpenError::Tiff { .. }), "{error}");
        let words = error.to_string();
        assert!(
            words.contains("img_001.tif is a TIFF") && words.contains("16-bit floats"),
            "{words}"
        );
    }
}

#[test]
fn a_percent_sign_of_a_folder_stands_for_itself() {
    let outer = tempfile::tempdir().unwrap();
    for name in ["run%d", "run%04d", "50% off"] {
        let plain = outer.path().join("plain");
        fs::create_dir(&plain).unwrap();
        video(&plain.join("a.mp4"), 3, H264);
        video(&plain.join("img_%03d.png"), 3, &[]);
        let folder = outer.path().join(name);
        fs::rename(&plain, &folder).unwrap();
        let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        for source in ["a.mp4", "img_%03d.png"] {
            let (read, result) = read(file(path(source).as_ref()));
            result.unwrap();
            assert_eq!(read.len(), 3, "{source} in {name}");
        }
        let (image, result) = read(file(path("img_002.png").as_ref()));
        result.unwrap();
        assert_eq!((image.len(), number(image[0].pixels().unwrap())), (1, 1));
        let missing = open_error(&path("none.mp4"));
        assert!(matches!(missing, OpenError::Missing { .. }), "{missing}");
    }
    let path = |name: &str| outer.path().join(name).to_str().unwrap().to_owned();
    for name in ["day%d/none.mp4", "day%04d/img_%03d.png"] {
        let error = open_error(&path(name));
        assert!(
            matches!(error, OpenError::PatternInFolder { .. }),
            "{error}"
        );
        assert!(
            error.to_string().contains("only in the name of a file"),
            "{error}"
        );
    }
    let missing = open_error(&path("100%.mp4"));
    assert!(matches!(missing, OpenError::Missing { .. }), "{missing}");
}

#[test]
fn names_that_look_like_addresses_or_patterns_are_files_all_the_same() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["day1:mouse.mp4", "100%d.mp4", "ünïcode name.mp4"] {
        let plain = folder.path().join("plain.mp4");
        video(&plain, 5, H264);
        let path = folder.path().join(name);
        fs::rename(&plain, &path).unwrap();
        assert_eq!(read(file(&path)).0.len(), 5, "{name}");
    }
}

#[test]
fn an_address_where_nothing_listens_is_an_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let error = open_error(&format!("http://me:secret@127.0.0.1:{port}/a.mp4"));
    assert!(matches!(error, OpenError::Url { .. }));
    assert!(!error.to_string().contains("secret"), "{error}");
}
