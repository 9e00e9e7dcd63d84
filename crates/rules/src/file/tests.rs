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

/// What is wrong is said with its place.
#[test]
fn mistakes_are_named_with_line_and_column() {
    let zone = "[zone.a]\ncircle = [1, 2, 3]\n";
    let rule =
        |more: &str| format!("{zone}[rule.r]\nwhen = {{ node = \"nose\", in = \"a\" }}\n{more}");
    let when = |when: &str| format!("{zone}[rule.r]\nwhen = {when}");
    for (text, line, column, words) in [
        ("[rule.r]\nwhen = { node = ".to_owned(), 2, 0, ""),
        (rule("doo = \"x\""), 5, 1, "[rule.r] has no key \"doo\""),
        (rule("do = \"x\""), 5, 6, "there is no output \"x\""),
        (rule("for = \"x\""), 5, 7, "has to be a number"),
        (rule("for = -1"), 5, 7, "from 0 to"),
        (rule("animal = 3"), 5, 10, "text in quotes"),
        (rule("pose = \"ahed\""), 5, 8, "no pose \"ahed\""),
        (rule("at = \"leave\""), 5, 6, "goes with pulse"),
        (
            when("{ node = \"nose\", in = \"b\" }"),
            4,
            30,
            "there is no zone \"b\"",
        ),
        (when("{ node = \"nose\" }"), 4, 8, "has no in"),
        (when("{ nod = \"nose\", in = \"a\" }"), 4, 8, "has no node"),
        (
            when("{ sped = \"nose\", above = 3 }"),
            4,
            10,
            "no key \"sped\"",
        ),
        (when("{ speed = \"nose\" }"), 4, 8, "above or below"),
        (
            when("{ speed = \"nose\", above = 3, in = \"a\" }"),
            4,
            8,
            "has no node",
        ),
        (when("{ and = [] }"), 4, 16, "list of conditions"),
        (when("{ and = [3] }"), 4, 17, "list of conditions"),
        (
            when("{ distance = [\"nose\"], above = 3 }"),
            4,
            21,
            "two nodes",
        ),
        (when("\"nose in a\""), 4, 8, "has to be a table"),
        ("[zone.a]\n".to_owned(), 1, 0, "has no shape"),
        (
            "[zone.a]\npolygon = [[0, 0], [1, 1]]\n".to_owned(),
            2,
            11,
            "3 to 1024 corners",
        ),
        (
            "[zone.a]\nrectangle = [5, 0, 1, 1]\n".to_owned(),
            2,
            13,
            "left < right",
        ),
        (
            "[zone.a]\ncircle = [5, 0, nan]\n".to_owned(),
            2,
            10,
            "radius",
        ),
        (
            "[zone.a]\ncircle = [5, 0, 1]\nrectangle = [0, 0, 1, 1]\n".to_owned(),
            1,
            0,
            "two shapes",
        ),
        (
            "[zone.'a\tb']\ncircle = [5, 0, 1]\n".to_owned(),
            1,
            7,
            "the name of a zone",
        ),
        (
            "[output.a]\nserial = \"x\"\n".to_owned(),
            1,
            0,
            "on and off",
        ),
        (
            "[output.a]\nserial = \"x\"\non = \"1\"\n".to_owned(),
            1,
            0,
            "has no off",
        ),
        (
            "[output.a]\non = \"1\"\noff = \"1\"\n".to_owned(),
            1,
            0,
            "has no target",
        ),
        (
            "[output.a]\nto = \"osc://h:1\"\non = \"1\"\noff = \"1\"\n".to_owned(),
            3,
            6,
            "osc://",
        ),
        (
            "[output.a]\nserial = \"x\"\non = [256]\noff = [1]\n".to_owned(),
            3,
            6,
            "list of bytes",
        ),
        (
            "silence = 0\n[rule.r]\nwhen = { present = true }\n".to_owned(),
            1,
            11,
            "above 0",
        ),
        (
            "silent = 3\n[rule.r]\nwhen = { present = true }\n".to_owned(),
            1,
            1,
            "no key \"silent\"",
        ),
        (String::new(), 1, 1, "has no rule"),
        ("rule = 3".to_owned(), 1, 8, "[rule.NAME]"),
        ("[[rule]]\nwhen = 3".to_owned(), 1, 0, "[rule.NAME]"),
    ] {
        let error = error(&text);
        let Place {
            line: at,
            column: found,
        } = error.place;
        assert_eq!(at, line, "{text}\n{error}");
        assert!(column == 0 || found == column, "{text}\n{error}");
        assert!(error.to_string().contains(words), "{text}\n{error}");
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
