//! The tables of commands and options in the READMEs of the two programs.

use std::fmt::Write;

use clap::{Arg, Command};

use super::page::{Page, root};

/// Set, it makes the tests write the tables into the pages.
const WRITE: &str = "SLEAP_STREAM_WRITE_PAGES";

/// Options without a heading of their own.
const GENERAL: &str = "General";

#[test]
fn the_clients_options_are_those_of_its_page() {
    check("crates/sleap-stream/README.md", sleap_stream::command());
}

#[test]
fn the_workers_options_are_those_of_its_page() {
    check("crates/sleap-worker/README.md", sleap_worker::command());
}

#[track_caller]
fn check(name: &str, command: Command) {
    let page = Page::read(name);
    let tables = markdown(command);
    if std::env::var_os(WRITE).is_some() {
        // In one step: another test may be reading the page.
        let path = root().join(name);
        let written = path.with_extension("new");
        std::fs::write(&written, page.with("options", &tables)).expect("the page is written");
        std::fs::rename(written, path).expect("the page is replaced");
    } else {
        assert_eq!(
            page.between("options"),
            tables,
            "{name} has other options than the program: {WRITE}=1 cargo test -p \
             sleap-stream-tests --test it pages::"
        );
    }
}

fn markdown(mut command: Command) -> String {
    // Lets subcommands know the options of all.
    command.build();
    let mut text = String::new();
    let subcommands = || {
        let shown = |it: &&Command| !it.is_hide_set() && it.get_name() != "help";
        command.get_subcommands().filter(shown)
    };
    text.push_str("\n| command | |\n|---|---|\n");
    for sub in subcommands() {
        let name = command.get_name();
        row(
            &mut text,
            &[&format!("`{name} {}`", sub.get_name()), &about(sub)],
        );
    }
    let mut headings: Vec<&str> = Vec::new();
    for arg in options(&command) {
        if !headings.contains(&heading(arg)) {
            headings.push(heading(arg));
        }
    }
    for title in headings {
        let of_it = options(&command).filter(|arg| heading(arg) == title);
        table(&mut text, title, of_it);
    }
    for sub in subcommands() {
        let is_above = |arg: &&Arg| options(&command).any(|other| is_same(arg, other));
        let all = options(sub).filter(|arg| !arg.is_global_set());
        let (above, own): (Vec<&Arg>, Vec<&Arg>) = all.partition(is_above);
        if !own.is_empty() {
            let title = format!("`{} {}`", command.get_name(), sub.get_name());
            table(&mut text, &title, own.into_iter());
        }
        if !above.is_empty() {
            let names: Vec<String> = above.into_iter().map(spelled).collect();
            // Writing to a string does not fail.
            let _ = writeln!(text, "\nAlso, as above: {}.", names.join(", "));
        }
    }
    text.push('\n');
    text
}

/// Whether two commands have the same option.
fn is_same(one: &Arg, other: &Arg) -> bool {
    one.get_long() == other.get_long() && help(one) == help(other)
}

/// All but `--help` and `--version`.
fn options(command: &Command) -> impl Iterator<Item = &Arg> {
    let is_shown = |arg: &&Arg| {
        let is_clap = ["help", "version"].contains(&arg.get_id().as_str());
        !is_clap && !arg.is_hide_set()
    };
    command.get_arguments().filter(is_shown)
}

fn heading(arg: &Arg) -> &str {
    arg.get_help_heading().unwrap_or(GENERAL)
}

fn table<'a>(text: &mut String, title: &str, args: impl Iterator<Item = &'a Arg>) {
    // Writing to a string does not fail.
    let _ = write!(
        text,
        "\n### {title}\n\n| option | default | |\n|---|---|---|\n"
    );
    for arg in args {
        row(text, &[&spelled(arg), &default(arg), &help(arg)]);
    }
}

fn row(text: &mut String, cells: &[&str]) {
    let cells: Vec<String> = cells.iter().map(|it| it.replace('|', "\\|")).collect();
    let row = format!("| {} |\n", cells.join(" | "));
    text.push_str(&row.replace("|  |", "| |"));
}

/// How an option is written: `-o`, `--output FILE`.
fn spelled(arg: &Arg) -> String {
    let names = arg.get_value_names().unwrap_or_default();
    let names: Vec<&str> = names.iter().map(|name| name.as_str()).collect();
    let value = match arg.get_action().takes_values() {
        true => names.join(" "),
        false => String::new(),
    };
    let is_optional = arg.get_num_args().is_some_and(|it| it.min_values() == 0);
    let value = match (value.is_empty(), is_optional) {
        (true, _) => value,
        (false, true) => format!(" [{value}]"),
        (false, false) => format!(" {value}"),
    };
    let short = arg.get_short().map(|short| format!("`-{short}`"));
    let long = arg.get_long().map(|long| format!("`--{long}{value}`"));
    let names: Vec<String> = short.into_iter().chain(long).collect();
    match names.is_empty() {
        true => format!("`{}`", value.trim()),
        false => names.join(", "),
    }
}

fn default(arg: &Arg) -> String {
    if !arg.get_action().takes_values() {
        return String::new();
    }
    let values = arg.get_default_values().iter();
    let values: Vec<String> = values
        .map(|value| format!("`{}`", value.to_string_lossy()))
        .collect();
    values.join(", ")
}

fn help(arg: &Arg) -> String {
    let long = arg.get_long_help().or(arg.get_help());
    let text = long.map(ToString::to_string).unwrap_or_default();
    let mut text = one_line(text.trim_end_matches('.'));
    let values: Vec<String> = match arg.get_action().takes_values() {
        true => arg.get_possible_values(),
        false => Vec::new(),
    }
    .iter()
    .filter(|value| !value.is_hide_set())
    .map(|value| format!("`{}`", value.get_name()))
    .collect();
    if !values.is_empty() {
        let _ = write!(text, ": {}", values.join(", "));
    }
    text
}

fn about(command: &Command) -> String {
    let text = command.get_about().map(ToString::to_string);
    one_line(&text.unwrap_or_default())
}

/// The words without line breaks, and without what Markdown takes for a tag.
fn one_line(text: &str) -> String {
    let words: Vec<&str> = text.split_whitespace().collect();
    words.join(" ").replace('<', "&lt;")
}
