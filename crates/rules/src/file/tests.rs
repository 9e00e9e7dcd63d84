use crate::{Place, Rules};

const EXAMPLE: &str = r#"
[zone.corner]
rectangle = [0, 0, 200, 150]
[zone.nest]
circle = [320, 240, 50]

[output.light]
serial = "/dev/ttyACM0"
on = "1"
off = [0]
[output.log]
to = "udp://127.0.0.1:9000"

[rule.light_in_corner]
when = { node = "nose", in = "corner" }
do = "light"

[rule.quiet]
when = { and = [
  { not = { speed = "centroid", above = 50, over = 200 } },
  { or = [{ animals = 1 }, { distance = ["nose", "nose"], to_animal = "nearest", above = 5 }] },
  { heading = ["thorax", "nose"], towards = "nest", within = 20, hysteresis = 5 },
  { turning = ["thorax", "nose"], below = 10 },
  { present = "nose" },
] }
animal = "track_0"
pose = "ahead"
for = 300
do = ["light", "log"]
pulse = 20
at = "both"
"#;

#[test]
fn a_file_is_read() {
    let rules = Rules::parse("r.toml", EXAMPLE).unwrap();
    assert_eq!(
        rules.names().collect::<Vec<_>>(),
        ["light_in_corner", "quiet"]
    );
    assert_eq!(rules.rules[1].outputs, [0, 1]);
    assert_eq!(rules.rules[1].leaves, 6);
    assert_eq!(rules.silence_us, 500_000);
    assert!(rules.need_identity() && rules.uses(crate::PoseKind::Ahead));
}

fn error(text: &str) -> crate::RulesError {
    Rules::parse("r.toml", text).unwrap_err()
}

#[test]
fn the_page_has_examples_that_are_read() {
    let page = include_str!("../../README.md");
    let texts: Vec<&str> = page
        .split("```toml\n")
        .skip(1)
        .filter_map(|rest| rest.split("```").next())
        .collect();
    assert_eq!(texts.len(), 2);
    Rules::parse("page", &texts.concat()).unwrap();
}

const ZONE: &str = "[zone.a]\ncircle = [1, 2, 3]\n";

/// Line, column (0: any) and words of what is wrong.
type Mistake = (usize, usize, &'static str);

#[track_caller]
fn assert_named(text: &str, (line, column, words): Mistake) {
    let error = error(text);
    assert_eq!(error.place.line, line, "{text}\n{error}");
    let is_there = column == 0 || error.place.column == column;
    assert!(is_there, "{text}\n{error}");
    assert!(error.to_string().contains(words), "{text}\n{error}");
}

#[test]
fn mistakes_of_rules_are_named_with_line_and_column() {
    for (more, mistake) in [
        ("doo = 'x'", (5, 1, "[rule.r] has no key \"doo\"")),
        ("do = 'x'", (5, 6, "there is no output \"x\"")),
        ("for = 'x'", (5, 7, "has to be a number")),
        ("for = -1", (5, 7, "from 0 to")),
        ("animal = 3", (5, 10, "text in quotes")),
        ("pose = 'ahed'", (5, 8, "no pose \"ahed\"")),
        ("at = 'leave'", (5, 6, "goes with pulse")),
        ("pulse = 0", (5, 9, "above 0")),
    ] {
        let rule = "[rule.r]\nwhen = { node = 'nose', in = 'a' }";
        assert_named(&format!("{ZONE}{rule}\n{more}"), mistake);
    }
}

#[test]
fn mistakes_of_conditions_are_named_with_line_and_column() {
    for (when, mistake) in [
        (
            "{ node = 'nose', in = 'b' }",
            (4, 30, "there is no zone \"b\""),
        ),
        ("{ node = 'nose' }", (4, 8, "has no in")),
        ("{ nod = 'nose', in = 'a' }", (4, 8, "has no node")),
        ("{ sped = 'nose', above = 3 }", (4, 10, "no key \"sped\"")),
        ("{ speed = 'nose' }", (4, 8, "above or below")),
        (
            "{ speed = 'nose', above = 3, in = 'a' }",
            (4, 8, "has no node"),
        ),
        ("{ animals = 1, present = true }", (4, 8, "two comparisons")),
        ("{ and = [] }", (4, 16, "list of conditions")),
        ("{ and = [3] }", (4, 17, "list of conditions")),
        ("{ distance = ['nose'], above = 3 }", (4, 21, "two nodes")),
        ("'nose in a'", (4, 8, "has to be a table")),
        ("{ node = ", (4, 0, "")),
    ] {
        assert_named(&format!("{ZONE}[rule.r]\nwhen = {when}"), mistake);
    }
}

#[test]
fn mistakes_of_zones_are_named_with_line_and_column() {
    for (text, mistake) in [
        ("[zone.a]\n", (1, 0, "has no shape")),
        (
            "[zone.a]\npolygon = [[0, 0], [1, 1]]\n",
            (2, 11, "3 to 1024 corners"),
        ),
        (
            "[zone.a]\nrectangle = [5, 0, 1, 1]\n",
            (2, 13, "left < right"),
        ),
        ("[zone.a]\ncircle = [5, 0, nan]\n", (2, 10, "radius")),
        (
            "[zone.a]\ncircle = [5, 0, 1]\nrectangle = [0, 0, 1, 1]\n",
            (1, 0, "two shapes"),
        ),
        (
            "[zone.'a\tb']\ncircle = [5, 0, 1]\n",
            (1, 7, "the name of a zone"),
        ),
        (
            "silence = 0\n[rule.r]\nwhen = { present = true }\n",
            (1, 11, "above 0"),
        ),
        (
            "silent = 3\n[rule.r]\nwhen = { present = true }\n",
            (1, 1, "no key \"silent\""),
        ),
        ("", (1, 1, "has no rule")),
        ("rule = 3", (1, 8, "[rule.NAME]")),
        ("[[rule]]\nwhen = 3", (1, 0, "[rule.NAME]")),
    ] {
        assert_named(text, mistake);
    }
}

#[test]
fn mistakes_of_outputs_are_named_with_line_and_column() {
    for (more, mistake) in [
        ("serial = 'x'\n", (1, 0, "on and off")),
        ("serial = 'x'\non = '1'\n", (1, 0, "has no off")),
        ("on = '1'\noff = '1'\n", (1, 0, "has no target")),
        ("to = 'osc://h:1'\non = '1'\noff = '1'\n", (3, 6, "osc://")),
        (
            "serial = 'x'\non = [256]\noff = [1]\n",
            (3, 6, "list of bytes"),
        ),
        ("serial = 'x'\nto = 'udp://h:1'\n", (3, 6, "two outputs")),
    ] {
        assert_named(&format!("[output.a]\n{more}"), mistake);
    }
}

#[test]
fn one_port_has_one_speed() {
    let output = |name: &str, baud: u32| {
        format!("[output.{name}]\nserial = \"p\"\nbaud = {baud}\non = \"1\"\noff = \"0\"\n")
    };
    let text = output("a", 9600) + &output("b", 19200);
    let error = error(&text).to_string();
    assert!(
        error.contains("p has 9600 baud for the output a, and 19200 here"),
        "{error}"
    );
}

#[test]
fn the_nearest_name_is_a_hint() {
    let text = "[zone.corner]\ncircle = [1, 2, 3]\n[rule.r]\nwhen = { node = \"nose\", in = \"croner\" }\n";
    let error = error(text).with_hint(|word, known| (word == "croner").then(|| known[0].clone()));
    assert_eq!(
        error.to_string(),
        "r.toml, line 4, column 30: there is no zone \"croner\"; did you mean corner?. There are: corner"
    );
}

#[test]
fn nodes_are_found_in_the_skeleton() {
    let nodes = ["nose", "thorax"].map(str::to_owned);
    Rules::parse("r.toml", EXAMPLE)
        .unwrap()
        .bind(&nodes)
        .unwrap();
    let error = Rules::parse("r.toml", EXAMPLE)
        .unwrap()
        .bind(&nodes[1..])
        .unwrap_err();
    assert_eq!(
        error.place,
        Place {
            line: 15,
            column: 17
        }
    );
    assert!(error.to_string().contains("no node \"nose\""), "{error}");
}

#[test]
fn the_streams_of_a_rule_are_names() {
    for streams in ["'cage-1'", "['cage-1', 'cage-*']"] {
        let text = format!("[rule.r]\nstreams = {streams}\nwhen = {{ present = true }}\n");
        let rules = Rules::parse("r", &text).unwrap();
        assert_eq!(rules.for_none_of(&[["y", "z"], ["x", "cage-1"]]).count(), 0);
        assert!(rules.for_none_of(&[["x", "y"]]).eq(["r"]));
    }
    for streams in [
        "[]",
        "''",
        "['a', '']",
        "7",
        "[7]",
        &format!("'{}'", "x".repeat(257)),
    ] {
        let text = format!("[rule.r]\nstreams = {streams}\nwhen = {{ present = true }}\n");
        let error = error(&text).to_string();
        assert!(
            error.contains("streams") && error.contains("line 2"),
            "{error}"
        );
    }
}

#[test]
fn conditions_inside_each_other_and_many_of_them_are_refused() {
    let deep = format!(
        "{}{{ present = true }}{}",
        "{ not = ".repeat(20),
        " }".repeat(20)
    );
    assert!(
        error(&format!("[rule.r]\nwhen = {deep}"))
            .to_string()
            .contains("inside each other")
    );
    let many = "{ present = true }, ".repeat(65);
    let text = format!("[rule.r]\nwhen = {{ and = [{many}] }}");
    assert!(error(&text).to_string().contains("more than 64"));
}

proptest::proptest! {
    /// Nothing in a file makes the reader panic, nor do places beyond its text.
    #[test]
    fn no_text_is_too_odd(words in proptest::collection::vec(0usize..22, 0..60)) {
        const WORDS: [&str; 22] = [
            "[zone.a]\n", "[rule.r]\n", "[output.o]\n", "when = ", "{ ", "} ", "[", "]", ",", "node", "in",
            " = ", "\"a\"", "3", "é\n", "and", "not", "polygon", "[[rule]]", "\n", "do", "1e400",
        ];
        let text: String = words.iter().map(|word| WORDS[*word]).collect();
        let _ = Rules::parse("r", &text);
    }
}
