use clap::CommandFactory;

use super::test_program::{PROGRAM, Sub, TestSources, file, quality, variable};
use super::*;

#[test]
fn each_place_is_stronger_than_the_next() {
    let places = [
        ("[prog]\njpeg_quality = 1", "", "", None),
        (
            "[prog]\njpeg_quality = 1",
            "[prog]\njpeg-quality = 2",
            "",
            None,
        ),
        (
            "[prog]\njpeg_quality = 1",
            "[prog]\njpeg_quality = 2",
            "3",
            None,
        ),
        (
            "[prog]\njpeg_quality = 1",
            "[prog]\njpeg_quality = 2",
            "3",
            Some("4"),
        ),
        ("[prog]\njpeg_quality = 1", "", "3", None),
        ("[prog]\njpeg_quality = 1", "", "", Some("4")),
        ("", "[prog]\njpeg_quality = 2", "", Some("4")),
        ("", "", "3", Some("4")),
    ];
    for (user_file, file, variable, line) in places {
        let place = TestSources {
            variables: vec![("PROG_JPEG_QUALITY", variable)],
            file,
            user_file,
        };
        let strongest = match (line, variable, file) {
            (Some(_), ..) => 4,
            (None, "3", _) => 3,
            (None, _, "") => 1,
            _ => 2,
        };
        let line = line.map_or("prog".to_owned(), |value| {
            format!("prog --jpeg-quality {value}")
        });
        assert_eq!(
            place.args(&line).jpeg_quality,
            Some(strongest),
            "{line} {variable:?} {file:?}"
        );
    }
    let nothing = TestSources::default().args("prog");
    assert_eq!(
        (nothing.jpeg_quality, nothing.listen.as_str()),
        (None, "here")
    );
}

#[test]
fn words_without_an_option_are_stronger_than_other_sources_of_their_setting() {
    let place = TestSources {
        variables: vec![("PROG_FILE", "variable")],
        user_file: "[prog]\ncamera = 1\n",
        ..TestSources::default()
    };
    let args = place.args("prog word");
    assert_eq!(
        (args.file, args.words, args.camera),
        (None, vec!["word".to_owned()], None)
    );
    let args = place.args("prog");
    assert_eq!(
        (args.file.as_deref(), args.camera),
        (Some("variable"), None)
    );
    let args = place.args("prog --file a b c");
    assert_eq!(args.file.as_deref(), Some("a"));
    assert_eq!(args.words, ["b", "c"]);
    assert!(
        place
            .refused("prog word --camera 2")
            .contains("cannot be used with")
    );
}

#[test]
fn flags_are_spelled_in_both_ways_and_values_are_left_alone() {
    let place = TestSources::default();
    for line in [
        "prog --jpeg_quality 80 --file my_video",
        "prog --jpeg-quality=80 --file=my_video",
    ] {
        let args = place.args(line);
        assert_eq!(
            (args.jpeg_quality, args.file.as_deref()),
            (Some(80), Some("my_video"))
        );
    }
    assert!(place.args("prog --no_live").every_frame);
    let doctor = place.args("prog doctor --deep_look").command;
    assert!(matches!(
        doctor,
        Some(Sub::Doctor {
            deep_look: true,
            ..
        })
    ));
}

#[test]
fn what_contradicts_a_stronger_place_gives_way() {
    let both = file("[prog]\nsignal = 'there'\ncamera = 1\n");
    assert_eq!(both.args("prog").signal.as_deref(), Some("there"));
    let args = both.args("prog --listen me --file a");
    assert_eq!((args.signal, args.listen.as_str()), (None, "me"));
    assert_eq!((args.camera, args.file.as_deref()), (None, Some("a")));
    // The other way round, where the conflict is declared at one of the two only.
    let args = file("[prog]\nlisten = 'me'").args("prog --signal there");
    assert_eq!(
        (args.signal.as_deref(), args.listen.as_str()),
        (Some("there"), "here")
    );
    let args = TestSources {
        variables: vec![("PROG_SIGNAL", "env")],
        ..file("[prog]\nlisten = 'me'")
    };
    assert_eq!(args.args("prog").signal.as_deref(), Some("env"));
    let error = file("[prog]\nlisten = 'me'\nsignal = 'there'").refused("prog");
    assert!(error.contains("cannot be used with"), "{error}");
}

#[test]
fn a_flag_can_be_switched_off_by_a_stronger_place() {
    let on = file("[prog]\ndisplay = true\n");
    assert!(on.args("prog").display);
    assert!(!on.args("prog --display=false").display);
    assert!(on.args("prog --display=false --display=true").display);
    let off = TestSources {
        variables: vec![("PROG_DISPLAY", "no")],
        ..on
    };
    assert!(!off.args("prog").display);
    assert!(off.args("prog --display").display);
    let user = TestSources {
        file: "[prog]\nsignal = false\n",
        user_file: "[prog]\nsignal = 'there'\n",
        ..TestSources::default()
    };
    assert_eq!(user.args("prog").signal, None);
}

#[test]
fn every_kind_of_flag_has_its_kind_of_value() {
    let place = file(
        "[prog]\noutput = ['a', '~/b']\nrefine = true\nverbose = 2\nevery_frame = true\nice-server = ['x', 'y']\n",
    );
    let args = place.args("prog");
    assert!(args.output[1].ends_with("home/b") && args.output[0].as_os_str() == "a");
    assert_eq!((args.refine.as_deref(), args.verbose), (Some("plain"), 2));
    assert!(args.every_frame);
    assert_eq!(args.ice_servers, ["x", "y"]);
    assert_eq!(place.args("prog -o c").output, [PathBuf::from("c")]);
    let env = TestSources {
        variables: vec![
            ("PROG_OUTPUT", "a, b"),
            ("PROG_REFINE", "other"),
            ("PROG_VERBOSE", "1"),
        ],
        ..TestSources::default()
    };
    let args = env.args("prog");
    assert_eq!(
        (args.output.len(), args.refine.as_deref(), args.verbose),
        (2, Some("other"), 1)
    );
    assert!(file("[prog]\nno_live = true").args("prog").every_frame);
}

#[test]
fn what_cannot_be_used_is_named_with_its_place() {
    for (text, words) in [
        (
            "[prog]\n\njpeg_qualty = 80",
            &[
                "./sleap-rtc.toml, line 3",
                "jpeg_qualty",
                "did you mean jpeg_quality?",
            ][..],
        ),
        ("[prog]\nxyz = 80", &["line 2", "no setting xyz"]),
        (
            "[prog]\njpeg_quality = 'best'",
            &["line 2", "'best' is not a quality"],
        ),
        (
            "[prog]\njpeg_quality = [1, 2]",
            &["line 2", "jpeg_quality", "not a list"],
        ),
        ("[prog]\njpeg_quality = true", &["line 2", "needs a value"]),
        (
            "[prog]\ndisplay = 'yes'",
            &["line 2", "display", "true or false"],
        ),
        ("[prog]\ndisplay = true\ndisplay = true", &["line 3"]),
        (
            "[prog]\njpeg_quality = 1\njpeg-quality = 2",
            &["line 3", "line 2"],
        ),
        ("[prog.display]\nx = 1", &["line 1", "display"]),
        ("prog = 1", &["[prog]"]),
        ("a\n[", &["line 1"]),
    ] {
        let place = file(text);
        for line in ["prog", "prog config", "prog doctor"] {
            // What only other commands use is not looked at.
            if line == "prog doctor" && !text.contains("qualty") {
                continue;
            }
            let error = place.refused(line);
            for word in words {
                assert!(error.contains(word), "{text}: no {word:?} in {error}");
            }
        }
    }
    for (name, value, word) in [
        ("PROG_JPEG_QUALITY", "best", "'best' is not a quality"),
        ("PROG_DISPLAY", "perhaps", "true or false"),
        ("PROG_VERBOSE", "much", "a number"),
        ("PROG_NO_CONFIG", "perhaps", "true or false"),
    ] {
        let error = variable(name, value).refused("prog");
        assert!(error.contains(name) && error.contains(word), "{error}");
    }
}

#[test]
fn what_is_not_ours_is_left_alone() {
    let place = TestSources {
        variables: vec![
            ("PROG_TEST_PYTHON", "x"),
            ("PROG_TURN_PASSWORD", "y"),
            ("PROG_SIGNAL", ""),
        ],
        file: "[default]\nsignaling = 'z'\n[worker.io]\nmounts = []\n",
        ..TestSources::default()
    };
    assert_eq!(place.args("prog").signal, None);
}

#[test]
fn files_can_be_named_or_left_out() {
    let place = file("[prog]\njpeg_quality = 1\n");
    assert_eq!(
        place.args("prog --config DIR/named.toml").jpeg_quality,
        Some(99)
    );
    assert_eq!(place.args("prog --no-config").jpeg_quality, None);
    assert!(
        place
            .refused("prog --config DIR/none.toml")
            .contains("none.toml")
    );
    let none = TestSources {
        variables: vec![("PROG_NO_CONFIG", "1")],
        ..place
    };
    assert_eq!(none.args("prog").jpeg_quality, None);
    assert_eq!(
        none.args("prog --config DIR/named.toml").jpeg_quality,
        Some(99)
    );
}

#[test]
fn other_names_of_variables_come_after_the_own_one() {
    assert_eq!(
        variable("OTHER_SIGNAL", "a").args("prog").signal.as_deref(),
        Some("a")
    );
    let both = TestSources {
        variables: vec![("OTHER_SIGNAL", "a"), ("PROG_SIGNAL", "b")],
        ..TestSources::default()
    };
    assert_eq!(both.args("prog").signal.as_deref(), Some("b"));
}

#[test]
fn a_subcommand_takes_the_settings_that_it_has() {
    let place = file("[prog]\nsignal = 'there'\njpeg_quality = 5\ndeep_look = true\n");
    let Some(Sub::Doctor { signal, deep_look }) = place.args("prog doctor").command else {
        panic!("it is doctor");
    };
    assert_eq!((signal.as_str(), deep_look), ("there", true));
    let Some(Sub::Doctor { signal, .. }) = place.args("prog doctor --signal x").command else {
        panic!("it is doctor");
    };
    assert_eq!(signal, "x");
    assert_eq!(place.args("prog").jpeg_quality, Some(5));
}

#[test]
fn settings_are_shown_as_a_file_that_gives_them_without_passwords() {
    let place = TestSources {
        variables: vec![("PROG_JPEG_QUALITY", "7"), ("PROG_DISPLAY", "false")],
        file: "[prog]\nice-server = 'turn:u:hunter2@h'\nsignal = 'a\"b'\nrefine = true\n",
        ..TestSources::default()
    };
    let parsed = place.parsed("prog config").unwrap();
    let text = parsed.settings.to_toml(&PROGRAM);
    assert!(!text.contains("hunter2"), "{text}");
    let line = |start: &str| {
        let line = text.lines().find(|line| line.starts_with(start));
        line.unwrap_or_else(|| panic!("no {start} in {text}"))
    };
    assert!(line("jpeg_quality = 7").ends_with("# PROG_JPEG_QUALITY"));
    assert!(line("signal = ").ends_with("# ./sleap-rtc.toml, line 3"));
    assert!(line("display = false").ends_with("# PROG_DISPLAY"));
    assert!(line("# ice_server is set").ends_with("line 2"));
    assert!(line("refine = true").contains("line 4"));
    assert!(line("# camera").ends_with("camera"));
    assert!(line("# listen = \"here\"").ends_with("# default"));
    assert!(line("# ./sleap-rtc.toml").ends_with("read"));
    assert!(line("# ~/.sleap-rtc/config.toml").ends_with("not there"));
    // It can be read back, and means the same.
    let text: &'static str = text.leak();
    let again = file(text).args("prog");
    assert_eq!(
        (again.jpeg_quality, again.signal.as_deref()),
        (Some(7), Some("a\"b"))
    );
}

#[test]
fn a_wrong_secret_is_not_repeated() {
    #[derive(Debug, Parser)]
    struct Secrets {
        #[arg(long, value_parser = quality)]
        room_secret: Option<u8>,
        #[command(flatten)]
        settings: SettingsArgs,
    }
    impl SettingsAware for Secrets {
        fn apply_settings(&mut self, _: &ChosenSettings) {}
    }
    let sources = SettingsSources {
        variables: [("PROG_ROOM_SECRET".to_owned(), "hunter2".into())].into(),
        ..SettingsSources::default()
    };
    let parsed = parse_from::<Secrets>(&PROGRAM, Secrets::command(), vec!["prog".into()], &sources);
    let error = parsed.expect_err("not a number").to_string();
    assert!(
        error.contains("PROG_ROOM_SECRET") && !error.contains("hunter2"),
        "{error}"
    );
}

#[test]
fn errors_of_the_command_line_stay_claps_own() {
    let place = TestSources::default();
    for line in [
        "prog --nonsense",
        "prog --jpeg-quality x",
        "prog --camera 1 --file a",
    ] {
        let error = place.parsed(line).expect_err(line);
        assert_eq!(error.exit_code(), 2, "{error}");
    }
    assert_eq!(
        place.parsed("prog --help").expect_err("help").exit_code(),
        0
    );
}
