//! Command lines that are taken, and those that are not.

use super::*;

#[test]
fn command_line_is_consistent() {
    Args::command().debug_assert();
}

#[test]
fn verification_modes_are_the_python_workers() {
    let mode = |line: &str| Args::parse_from(line.split(' ')).verification_mode();
    assert_eq!(mode("sleap-worker"), "stats_only");
    assert_eq!(mode("sleap-worker --display"), "display");
    assert_eq!(mode("sleap-worker --save-every 10"), "save_every_10");
}

#[test]
fn thresholds_outside_zero_to_one_are_refused() {
    assert!(Args::try_parse_from(["sleap-worker", "--peak-threshold", "1.5"]).is_err());
    assert!(Args::try_parse_from(["sleap-worker", "--peak-threshold", "NaN"]).is_err());
    assert!(Args::try_parse_from(["sleap-worker", "--save-every", "0"]).is_err());
}

#[test]
fn refinement_is_off_by_default_and_parabola_if_not_named() {
    let parse = |line: &str| Args::try_parse_from(line.split(' ')).map(|args| args.refine);
    assert_eq!(parse("sleap-worker").unwrap(), None);
    let bare = parse("sleap-worker --refine --model exports/mouse");
    assert_eq!(bare.unwrap(), Some(Refine::Parabola));
    let named = parse("sleap-worker --refine integral");
    assert_eq!(named.unwrap(), Some(Refine::Integral));
    let error = parse("sleap-worker --refine=gauss")
        .unwrap_err()
        .to_string();
    assert!(error.contains("use parabola or integral"), "{error}");
}

#[test]
fn several_streams_are_served_where_all_that_is_done_can_tell_them_apart() {
    let parse = |line: &str| Args::parse_from(line.split(' '));
    let max = |line: &str| parse(line).max_streams();
    assert_eq!(max("sleap-worker"), 4);
    assert_eq!(max("sleap-worker --max-streams 9"), 9);
    assert_eq!(max("sleap-worker --model m --emit udp://127.0.0.1:9000"), 4);
    for alone in [
        "--rules r.toml",
        "--emit osc://127.0.0.1:9",
        "--emit lsl://mouse",
    ] {
        let line = format!("sleap-worker --model m {alone}");
        assert_eq!(max(&line), 1, "{line}");
        assert!(parse(&format!("{line} --max-streams 1")).check().is_ok());
    }
    let several = |option: &str| {
        let args = parse(&format!("sleap-worker --model m {option} --max-streams 2"));
        args.check().map(|()| args.max_streams())
    };
    assert_eq!(several("--emit osc://127.0.0.1:9").unwrap(), 2);
    assert_eq!(several("--emit lsl://mouse").unwrap(), 2);
    assert_eq!(several("--rules r.toml").unwrap(), 2);
}

#[test]
fn batches_have_a_largest_size() {
    let parse = |size: &str| Args::try_parse_from(["sleap-worker", "--max-batch", size]);
    assert_eq!(parse("1024").unwrap().device.max_batch, Some(1024));
    for size in ["0", "1025", "18446744073709551615"] {
        assert!(parse(size).is_err(), "{size}");
    }
}
