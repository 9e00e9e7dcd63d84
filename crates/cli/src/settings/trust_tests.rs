//! What settings files of others may set.

use clap::CommandFactory;

use super::test_program::{Args, PROGRAM, TestSources, file};
use super::*;

fn user_file(user_file: &'static str) -> TestSources {
    TestSources {
        user_file,
        ..TestSources::default()
    }
}

#[test]
fn a_file_of_the_working_directory_says_nothing_that_could_harm() {
    for (text, words) in [
        (
            "[prog]\nfile = 'a'\nsend = '~/id_rsa'",
            &[
                "line 3",
                "send says what is read",
                "--config ./sleap-rtc.toml",
            ][..],
        ),
        ("[prog]\ninsecure = true", &["insecure says who is trusted"]),
        // To switch it off may harm as well.
        (
            "[prog]\ninsecure = false",
            &["insecure says who is trusted"],
        ),
        // An option that stands in no table.
        ("[prog]\nroom = 'x'", &["room may do anything"]),
    ] {
        // Whatever stronger sources give.
        for line in [
            "prog",
            "prog --send b --room y",
            "prog doctor",
            "prog config",
        ] {
            let error = file(text).refused(line);
            for word in words {
                assert!(error.contains(word), "{line}: no {word:?} in {error}");
            }
            assert!(error.contains("~/.sleap-rtc/config.toml"), "{error}");
        }
    }
    let args = user_file("[prog]\nsend = '~/id_rsa'\ninsecure = true").args("prog");
    assert!(args.insecure && args.send.is_some_and(|path| path.ends_with("home/id_rsa")));
}

#[test]
fn a_file_that_is_named_says_all() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sleap-rtc.toml");
    std::fs::write(&path, "[prog]\nsend = 'a'\n").unwrap();
    let line = format!("prog --config {}", path.display());
    let args = TestSources::default().args(&line);
    assert_eq!(args.send, Some(PathBuf::from("a")));
}

#[test]
fn insecure_does_not_give_way_without_a_word() {
    let place = TestSources {
        variables: vec![("PROG_KEY", "a")],
        ..user_file("[prog]\ninsecure = true")
    };
    let error = place.refused("prog");
    let words = [
        "insecure (~/.sleap-rtc/config.toml, line 2)",
        "key (PROG_KEY)",
        "--insecure=false",
    ];
    for word in words {
        assert!(error.contains(word), "no {word:?} in {error}");
    }
    // The command line decides, either way.
    let args = place.args("prog --insecure=false");
    assert!(!args.insecure && args.key.is_some());
    let parsed = place.parsed("prog --insecure").unwrap();
    assert!(parsed.args.insecure && parsed.args.key.is_none());
    let overruled = &parsed.settings.overruled;
    assert_eq!((overruled.len(), overruled[0].name.as_str()), (1, "key"));
}

#[test]
fn the_files_in_use_and_what_came_from_them_are_known() {
    let place = TestSources {
        variables: vec![("PROG_CAMERA", "1")],
        file: "[prog]\njpeg_quality = 7\nsignal = 'x'\nfile = 'a'\n",
        user_file: "[prog]\njpeg_quality = 8\nverbose = 1\n",
    };
    let settings = place.parsed("prog --signal y").unwrap().settings;
    let taken = |rank| settings.taken_from(rank);
    assert_eq!(taken(SourceRank::FolderFile), ["jpeg_quality"]);
    assert_eq!(taken(SourceRank::UserFile), ["verbose"]);
    let files: Vec<_> = settings
        .files
        .iter()
        .map(|it| (it.rank, it.is_there))
        .collect();
    assert_eq!(
        files,
        [(SourceRank::FolderFile, true), (SourceRank::UserFile, true)]
    );
}

const SERVER: &str = "[environments.production]\nsignaling_websocket = 'wss://stranger.example'\n";

#[test]
fn the_rooms_server_is_not_a_word_of_the_working_directory() {
    let place = file(SERVER);
    // Without a room nothing goes there.
    assert_eq!(place.args("prog").room_server, "wss://usual.example");
    for line in ["prog --room", "prog --room lab"] {
        let error = place.refused(line);
        let words = ["./sleap-rtc.toml, line 2", "--room-server", "logins"];
        for word in words {
            assert!(error.contains(word), "no {word:?} in {error}");
        }
    }
    let given = place.args("prog --room lab --room-server wss://own.example");
    assert_eq!(given.room_server, "wss://own.example");
    let variable = TestSources {
        variables: vec![("PROG_ROOM_SERVER", "wss://own.example")],
        file: SERVER,
        ..TestSources::default()
    };
    let given = variable.args("prog --room lab");
    assert_eq!(given.room_server, "wss://own.example");
    // The same server as without the file.
    let usual = file("[environments.production]\nsignaling_websocket = 'wss://usual.example/'\n");
    assert_eq!(usual.args("prog --room").room_server, "wss://usual.example");
    // The user's own file has it.
    let both = TestSources {
        file: SERVER,
        ..user_file("[environments.production]\nsignaling_websocket = 'wss://own.example'\n")
    };
    let parsed = both.parsed("prog --room lab").unwrap();
    assert_eq!(parsed.args.room_server, "wss://own.example");
    assert!(parsed.settings.warnings[0].contains("./sleap-rtc.toml, line 2"));
}

#[cfg(unix)]
fn at(dir: &std::path::Path, line: &str) -> Result<ParsedArgs<Args>, Error> {
    let sources = SettingsSources {
        folder: dir.to_owned(),
        home: Some(dir.join("home")),
        ..SettingsSources::default()
    };
    let line = line.replace("DIR", dir.to_str().unwrap());
    let words = line.split(' ').map(Into::into).collect();
    parse_from(&PROGRAM, Args::command(), words, &sources)
}

#[cfg(unix)]
#[test]
fn files_that_others_can_write_are_not_used() {
    use std::fs::{Permissions, create_dir_all, set_permissions, write};
    use std::os::unix::fs::PermissionsExt;
    for (name, line) in [
        ("sleap-rtc.toml", "prog"),
        ("home/.sleap-rtc/config.toml", "prog"),
        ("named.toml", "prog --config DIR/named.toml"),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(name);
        let folder = path.parent().unwrap();
        create_dir_all(folder).unwrap();
        write(&path, "[prog]\njpeg_quality = 7\n").unwrap();
        let mode = |path: &std::path::Path, mode| {
            set_permissions(path, Permissions::from_mode(mode)).unwrap();
        };
        mode(&path, 0o644);
        mode(folder, 0o755);
        assert_eq!(at(dir.path(), line).unwrap().args.jpeg_quality, Some(7));
        for (of_file, of_folder) in [(0o666, 0o755), (0o644, 0o777), (0o600, 0o1777)] {
            mode(&path, of_file);
            mode(folder, of_folder);
            let error = at(dir.path(), line).expect_err(name).to_string();
            for word in [
                name.rsplit('/').next().unwrap(),
                "(mode ",
                "chmod go-w",
                "--no-config",
            ] {
                assert!(error.contains(word), "no {word:?} in {error}");
            }
            // Its content is not read for the error message either.
            write(&path, "[prog]\nhunter2 = 1\n[").unwrap();
            let error = at(dir.path(), line).expect_err(name).to_string();
            assert!(
                !error.contains("line") && error.contains("(mode "),
                "{error}"
            );
            write(&path, "[prog]\njpeg_quality = 7\n").unwrap();
        }
    }
}

#[cfg(unix)]
#[test]
fn a_file_of_others_that_says_nothing_to_this_program_is_no_obstacle() {
    use std::fs::{Permissions, set_permissions, write};
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sleap-rtc.toml");
    write(&path, SERVER).unwrap();
    set_permissions(&path, Permissions::from_mode(0o666)).unwrap();
    at(dir.path(), "prog").unwrap();
    at(dir.path(), "prog --room lab").unwrap_err();
}
