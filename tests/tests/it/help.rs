//! What both programs print of themselves: short help on one screen, the rest in long help and in the manual.

use std::process::{Command, Stdio};

use clap::{Arg, CommandFactory};
use e2e::binary;

const PROGRAMS: [&str; 2] = ["sleap-stream", "sleap-worker"];

fn output(program: &str, args: &[&str]) -> String {
    let output = Command::new(binary(program)).args(args).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

#[track_caller]
fn assert_fits(text: &str, columns: usize) {
    for line in text.lines() {
        assert!(line.chars().count() <= columns, "{line}");
    }
}

#[test]
fn short_help_fits_one_screen_and_says_where_the_rest_is() {
    for program in PROGRAMS {
        let help = output(program, &["-h"]);
        let lines: Vec<&str> = help.lines().collect();
        assert!(lines.len() <= 40, "{} lines: {help}", lines.len());
        assert_fits(&help, 80);
        let last = lines.last().expect("it is not empty");
        for rest in [format!("{program} --help"), format!("{program} man")] {
            assert!(last.contains(&rest), "{help}");
        }
        let doctor = output(program, &["doctor", "-h"]);
        assert!(doctor.lines().count() <= 40, "{doctor}");
        assert_fits(&doctor, 80);
        for command in ["  man ", "  help ", "  doctor "] {
            assert!(help.contains(command), "{help}");
        }
    }
}

#[test]
fn long_help_fits_a_terminal_and_has_its_options_in_groups() {
    for (program, groups) in [
        ("sleap-stream", &["Input", "Encoding", "Output"][..]),
        ("sleap-worker", &["Model", "View", "Files", "Service"]),
    ] {
        let help = output(program, &["--help"]);
        assert_fits(&help, 80);
        let common = ["Between machines", "Rooms", "Settings", "Messages"];
        for group in groups.iter().chain(&common) {
            assert!(
                help.contains(&format!("\n{group}:\n")),
                "no {group} in: {help}"
            );
        }
        let help = output(program, &["doctor", "--help"]);
        assert_fits(&help, 80);
    }
    let of_group = |command: clap::Command, group: &str| -> Vec<String> {
        let args = command.get_arguments();
        let of = args.filter(|arg| arg.get_help_heading() == Some(group));
        of.filter_map(Arg::get_long).map(str::to_owned).collect()
    };
    let worker = || sleap_worker::Args::command();
    assert!(of_group(worker(), "View").contains(&"view".to_owned()));
    assert!(of_group(worker(), "Service").contains(&"metrics".to_owned()));
    for command in [worker(), sleap_stream::Args::command()] {
        let without = command
            .get_arguments()
            .filter(|arg| arg.get_help_heading().is_none());
        let names: Vec<&str> = without.filter_map(Arg::get_long).collect();
        assert!(names.is_empty(), "{names:?} are in no group");
    }
}

#[test]
fn the_manual_renders_without_a_warning_and_has_every_option() {
    for (program, command) in [
        ("sleap-stream", sleap_stream::Args::command()),
        ("sleap-worker", sleap_worker::Args::command()),
    ] {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("page.1");
        std::fs::write(&file, output(program, &["man"])).unwrap();
        let man = Command::new("man")
            .args(["--warnings", "-l"])
            .arg(&file)
            .env("MANWIDTH", "80")
            .env("LC_ALL", "C.UTF-8")
            .stdin(Stdio::null())
            .output()
            .expect("man is installed by tests/run.sh");
        let warnings = String::from_utf8_lossy(&man.stderr);
        assert!(man.status.success() && warnings.is_empty(), "{warnings}");
        let page = String::from_utf8_lossy(&man.stdout).replace(['\u{2010}', '\u{ad}'], "-");
        assert_fits(&page, 80);
        let commands = || command.get_subcommands();
        let below = commands().flat_map(clap::Command::get_subcommands);
        let options = commands()
            .chain(below)
            .flat_map(clap::Command::get_arguments);
        let options = options.chain(command.get_arguments());
        for option in options
            .filter(|arg| !arg.is_hide_set())
            .filter_map(Arg::get_long)
        {
            assert!(
                page.contains(&format!("--{option}")),
                "{program} man lacks --{option}"
            );
        }
        for sub in commands().filter(|sub| !sub.is_hide_set()) {
            let name = format!("\n       {}", sub.get_name());
            assert!(page.contains(&name), "no {name:?} in: {page}");
        }
        for section in ["SYNOPSIS", "EXAMPLES", "ENVIRONMENT", "EXIT CODES"] {
            assert!(
                page.contains(&format!("\n{section}\n")),
                "no {section} in: {page}"
            );
        }
    }
}
