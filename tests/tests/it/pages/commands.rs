//! The programs' command lines that pages show: they parse, and their options exist.

use clap::{Arg, Command};

use super::page::{Page, code};

/// The command line in a line of a page, if it is one of the two programs'.
fn command_line(line: &str) -> Option<(Command, Vec<String>)> {
    let line = line.split(" # ").next()?;
    let line = line.split([';', '|', '&']).next()?;
    let words = words(line.trim());
    let is_variable = |word: &&String| word.contains('=') && !word.starts_with('-');
    let words: Vec<String> = words.iter().skip_while(is_variable).cloned().collect();
    let command = match words.first()?.rsplit('/').next()? {
        "sleap-stream" => sleap_stream::command(),
        "sleap-worker" => sleap_worker::command(),
        _ => return None,
    };
    Some((command, words))
}

/// Words as a shell takes them; quotes group.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut is_quoted = false;
    for char in line.chars() {
        match char {
            '\'' | '"' => is_quoted = !is_quoted,
            ' ' if !is_quoted => words.push(String::new()),
            char => words.last_mut().expect("never empty").push(char),
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

#[test]
fn command_lines_in_pages_parse() {
    let mut wrong = Vec::new();
    let mut parsed = 0;
    for page in Page::all() {
        for (at, line, is_prose) in page.lines() {
            let Some((command, words)) = command_line(line).filter(|_| !is_prose) else {
                continue;
            };
            // A drawing, or a line that goes on: the message of another program, say.
            if words.len() < 2 || !(words[1].starts_with('-') || has(&command, &words[1])) {
                continue;
            }
            parsed += 1;
            if let Err(error) = command.try_get_matches_from(&words) {
                wrong.push(format!("{}:{at}: {line}\n{error}", page.name));
            }
        }
    }
    assert!(parsed > 30, "only {parsed} command lines were found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn has(command: &Command, name: &str) -> bool {
    command.find_subcommand(name).is_some()
}

/// The arguments of a command and of all commands below it.
fn all_arguments(command: &Command) -> Vec<&Arg> {
    let below = command.get_subcommands().flat_map(all_arguments);
    below.chain(command.get_arguments()).collect()
}

/// In the middle of a sentence a command line may lack values.
#[test]
fn options_of_commands_in_sentences_exist() {
    let mut unknown = Vec::new();
    for page in Page::all() {
        for (at, line, _) in page.lines().filter(|(.., is_prose)| *is_prose) {
            for (mut command, words) in code(line).into_iter().filter_map(command_line) {
                // Adds `--help` and `--version`.
                command.build();
                let all = all_arguments(&command);
                for word in words.iter().filter_map(|word| word.strip_prefix("--")) {
                    let name = word.split('=').next().unwrap_or(word).replace('_', "-");
                    if !all.iter().any(|arg| arg.get_long() == Some(&name)) {
                        unknown.push(format!("{}:{at}: --{name}", page.name));
                    }
                }
            }
        }
    }
    assert!(unknown.is_empty(), "{unknown:#?}");
}
