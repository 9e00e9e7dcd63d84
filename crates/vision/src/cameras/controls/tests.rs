use super::*;

fn control(name: &str, kind: ControlKind) -> Control {
    Control::new(name, kind, 0, Some(0))
}

fn exposure() -> Control {
    let kind = ControlKind::Integer {
        least: 3,
        most: 2047,
        step: 5,
    };
    control("exposure_time_absolute", kind)
}

fn auto_exposure() -> Control {
    let entry = |value, name: &str| MenuEntry {
        value,
        name: name.to_owned(),
    };
    let entries = vec![
        entry(0, "Auto Mode"),
        entry(1, "Manual Mode"),
        entry(3, "Aperture Priority Mode"),
    ];
    control("auto_exposure", ControlKind::Menu(entries))
}

fn all() -> Vec<Control> {
    let gain = ControlKind::Integer {
        least: -10,
        most: 10,
        step: 1,
    };
    vec![
        auto_exposure(),
        exposure(),
        control("gain", gain),
        control("white_balance_automatic", ControlKind::Boolean),
    ]
}

#[test]
fn names_are_those_of_v4l2_ctl() {
    for (name, expected) in [
        ("Exposure Time, Absolute", "exposure_time_absolute"),
        ("White Balance, Automatic", "white_balance_automatic"),
        (" Integer (32 Bits) ", "integer_32_bits"),
        ("S_MPEG", "s_mpeg"),
        ("", ""),
    ] {
        assert_eq!(variable_name(name), expected);
    }
}

#[test]
fn a_control_is_found_by_its_name_and_by_other_names_where_it_has_none_of_that() {
    let controls = all();
    for (name, expected) in [
        ("gain", "gain"),
        ("Gain", "gain"),
        ("exposure", "exposure_time_absolute"),
        ("exposure-absolute", "exposure_time_absolute"),
        ("exposure_auto", "auto_exposure"),
    ] {
        assert_eq!(find(&controls, name).unwrap().name, expected);
    }
    let with_its_own = [controls, vec![control("exposure", ControlKind::Button)]].concat();
    assert_eq!(find(&with_its_own, "exposure").unwrap().name, "exposure");
}

#[test]
fn an_unknown_name_is_answered_with_the_nearest_and_all() {
    let words = find(&all(), "gian").unwrap_err().to_string();
    assert!(
        words.contains("no control gian (is \"gain\" meant?). It has"),
        "{words}"
    );
    assert!(words.contains("exposure_time_absolute, gain"), "{words}");
    let words = find(&[], "gain").unwrap_err().to_string();
    assert!(words.contains("no controls"), "{words}");
}

#[test]
fn numbers_are_held_to_limits_and_steps() {
    let exposure = exposure();
    assert_eq!(exposure.value_of("3"), Ok(3));
    assert_eq!(exposure.value_of("2043"), Ok(2043));
    for (text, words) in [
        ("2", "takes 3 to 2047; the nearest is 3"),
        ("99999999999", "the nearest is 2047"),
        ("10", "steps of 5 from 3 on; the nearest is 8"),
        ("11", "the nearest is 13"),
        ("2047", "the nearest is 2043"),
        ("1e3", "whole numbers from 3 to 2047"),
        ("on", "whole numbers"),
        ("", "whole numbers"),
    ] {
        let error = exposure.value_of(text).unwrap_err().to_string();
        assert!(error.contains(words), "{text}: {error}");
    }
}

#[test]
fn the_widest_range_of_a_driver_does_no_harm() {
    let kind = ControlKind::Integer {
        least: i64::MIN,
        most: i64::MAX,
        step: u64::MAX,
    };
    let odd = control("odd", kind);
    assert_eq!(odd.value_of(&i64::MIN.to_string()), Ok(i64::MIN));
    assert!(odd.value_of("7").is_err());
    let kind = ControlKind::Integer {
        least: 0,
        most: 9,
        step: 0,
    };
    assert_eq!(control("odd", kind).value_of("7"), Ok(7));
}

#[test]
fn menus_take_numbers_names_and_their_first_words() {
    let auto = auto_exposure();
    for (text, value) in [
        ("1", 1),
        ("Manual Mode", 1),
        ("manual_mode", 1),
        ("manual", 1),
        ("aperture priority", 3),
    ] {
        assert_eq!(auto.value_of(text), Ok(value), "{text}");
    }
    for text in ["2", "a", "mode", ""] {
        let error = auto.value_of(text).unwrap_err().to_string();
        assert!(error.contains("0 (Auto Mode), 1 (Manual Mode)"), "{error}");
    }
    let error = auto.value_of("manuel mode").unwrap_err().to_string();
    assert!(error.contains("is \"Manual Mode\" meant?"), "{error}");
    assert_eq!(auto.value_text(3), "3 (Aperture Priority Mode)");
    assert_eq!(auto.value_text(2), "2");
}

#[test]
fn switches_are_on_or_off_and_what_is_only_read_stays() {
    let white = control("white_balance_automatic", ControlKind::Boolean);
    assert_eq!((white.value_of("off"), white.value_of("1")), (Ok(0), Ok(1)));
    let error = white.value_of("2").unwrap_err().to_string();
    assert!(error.contains("on or off"), "{error}");
    let read_only = Control {
        is_read_only: true,
        ..white
    };
    assert!(matches!(
        read_only.value_of("1"),
        Err(ControlError::ReadOnly { .. })
    ));
    let text = control("name", ControlKind::Other);
    assert!(text.value_of("1").is_err());
}
