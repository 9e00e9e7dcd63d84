//! Files that are refused before anything starts.

use super::*;

#[test]
fn a_file_with_an_error_is_refused_before_anything_starts() {
    let place = Place::new();
    let file = |text: &str| place.write("rules.toml", text.as_bytes());
    let pattern = [
        "--signal",
        "ws://127.0.0.1:9",
        "--test-pattern",
        "--max-frames",
        "1",
        "--rules",
    ];
    let zone = "[zone.corner]\ncircle = [9, 9, 9]\n";
    let rules = file(&format!(
        "{zone}[rule.r]\nwhen = {{ node = 'nose', in = 'croner' }}\n"
    ));
    for args in [&pattern[..], &["rules", "check"]] {
        let done = Client::run(&[args, &[&rules]].concat());
        assert!(matches!(done.code, Some(1 | 2)), "{done:?}");
        for words in ["rules.toml, line 4, column 30", "did you mean corner?"] {
            assert!(done.stderr.contains(words), "{}", done.stderr);
        }
    }
    let rules = file("[rule.r]\nwhen = { present = true }\npose = 'ahead'\n");
    Client::run(&[&pattern[..], &[&rules]].concat()).failed(2, &["--predict-ahead"]);
    let rules = file(
        "[output.o]\nserial = '/dev/no-such-port'\non = '1'\noff = '0'\n[rule.r]\nwhen = { present = true }\ndo = 'o'\n",
    );
    Client::run(&[&pattern[..], &[&rules]].concat())
        .failed(1, &["/dev/no-such-port", "[output.o]"]);
}

#[test]
fn a_node_that_the_model_does_not_have_is_named_and_no_file_is_made() {
    let place = Place::new();
    let worker = Worker::start(&["--model", &model()]);
    let rules = place.write("rules.toml", b"[rule.r]\nwhen = { present = 'noze' }\n");
    let slp = place.text("poses.slp");
    let args = [
        "--signal",
        &worker.signal,
        "--test-pattern",
        "--max-frames",
        "5",
    ];
    let done = Client::run(&[&args[..], &["--rules", &rules, "-o", &slp]].concat());
    done.failed(1, &["no node \"noze\"", "did you mean nose?", "tail_tip"]);
    let left: Vec<_> = std::fs::read_dir(place.dir()).unwrap().collect();
    assert_eq!(left.len(), 1, "{left:?}");
}
