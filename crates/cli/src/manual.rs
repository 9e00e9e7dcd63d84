//! The manual page of a program: all options, its commands with theirs, and the texts of `--help`.

use std::io::{self, Write};

use anyhow::{Context, Result};
use clap::{Arg, Command};
use clap_mangen::Man;
use roff::{Inline, Roff, bold, roman};

use crate::terminal;

/// Prints the manual page, for `man -l -`.
pub fn manual(command: Command) -> Result<()> {
    let page = page(command).context("cannot write the manual page")?;
    terminal::pass(&page)
}

fn page(mut command: Command) -> io::Result<Vec<u8>> {
    command.build();
    let mut page = Vec::new();
    let man = Man::new(command.clone());
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    synopsis(&mut command, &mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    commands(&command, &mut page)?;
    let text = command.get_after_long_help().map(ToString::to_string);
    texts(&text.unwrap_or_default(), &mut page)?;
    Ok(page)
}

/// As `--help` shows it, not all options in a row.
fn synopsis(command: &mut Command, page: &mut impl Write) -> io::Result<()> {
    let usage = command.render_usage().to_string();
    let lines = usage
        .lines()
        .map(|line| line.trim_start_matches("Usage:").trim());
    let mut roff = Roff::new();
    roff.control("SH", ["SYNOPSIS"]);
    literal(&mut roff, lines);
    roff.to_writer(page)
}

/// A section for each command, with the options that it does not share with the program.
fn commands(command: &Command, page: &mut impl Write) -> io::Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", ["COMMANDS"]);
    roff.to_writer(page)?;
    let shown = |it: &&Command| !it.is_hide_set();
    for sub in command.get_subcommands().filter(shown) {
        let mut roff = Roff::new();
        roff.control("TP", []);
        roff.text([bold(sub.get_name())]);
        let about = sub.get_about().map(ToString::to_string);
        roff.text([roman(about.unwrap_or_default())]);
        roff.to_writer(page)?;
    }
    for (name, sub) in all_commands(command) {
        let is_own = |arg: &&Arg| !is_shared(command, arg);
        let (own, shared): (Vec<&Arg>, Vec<&Arg>) = sub
            .get_arguments()
            .filter(|arg| !arg.is_hide_set() && !arg.is_global_set() && arg.get_id() != "help")
            .partition(is_own);
        if own.is_empty() && shared.is_empty() {
            continue;
        }
        let mut roff = Roff::new();
        roff.control("SH", [&*format!("OPTIONS OF {}", name.to_uppercase())]);
        roff.to_writer(page)?;
        own_options(sub, &own, page)?;
        also(&shared, page)?;
    }
    Ok(())
}

/// The commands with their names, and the commands below them: `rules check`.
fn all_commands(command: &Command) -> Vec<(String, &Command)> {
    let shown = |it: &&Command| !it.is_hide_set() && it.get_name() != "help";
    let mut all = Vec::new();
    for sub in command.get_subcommands().filter(shown) {
        all.push((sub.get_name().to_owned(), sub));
        let below = all_commands(sub).into_iter();
        all.extend(below.map(|(name, it)| (format!("{} {name}", sub.get_name()), it)));
    }
    all
}

fn own_options(sub: &Command, own: &[&Arg], page: &mut impl Write) -> io::Result<()> {
    if own.is_empty() {
        return Ok(());
    }
    let alone = sub.clone().mut_args(|arg| {
        let is_own = own.iter().any(|own| own.get_id() == arg.get_id());
        arg.hide(!is_own)
    });
    let mut options = Vec::new();
    Man::new(alone).render_options_section(&mut options)?;
    let options = String::from_utf8_lossy(&options);
    // They stand in the section of the command.
    let mut lines = options.lines().filter(|line| !line.starts_with(".SH"));
    lines.try_for_each(|line| writeln!(page, "{line}"))
}

fn also(shared: &[&Arg], page: &mut impl Write) -> io::Result<()> {
    if shared.is_empty() {
        return Ok(());
    }
    let mut text: Vec<Inline> = vec![roman("Also, as above: ")];
    for (index, arg) in shared.iter().enumerate() {
        if index > 0 {
            text.push(roman(", "));
        }
        text.push(bold(format!("--{}", arg.get_long().unwrap_or_default())));
    }
    let mut roff = Roff::new();
    roff.control("PP", []);
    roff.text(text);
    roff.to_writer(page)
}

/// Whether the program has the same option.
fn is_shared(command: &Command, arg: &Arg) -> bool {
    let help = |arg: &Arg| arg.get_help().map(ToString::to_string);
    let is_same = |other: &Arg| arg.get_long() == other.get_long() && help(arg) == help(other);
    arg.get_long().is_some() && command.get_arguments().any(is_same)
}

/// The texts below the options of `--help`: a line that ends with a colon begins a section.
fn texts(text: &str, page: &mut impl Write) -> io::Result<()> {
    let mut roff = Roff::new();
    let mut section: Vec<&str> = Vec::new();
    for line in text.lines() {
        match line.strip_suffix(':').filter(|line| !line.starts_with(' ')) {
            Some(title) => {
                literal(&mut roff, std::mem::take(&mut section));
                roff.control("SH", [&*title.to_uppercase()]);
            }
            None => section.push(line.strip_prefix("  ").unwrap_or(line)),
        }
    }
    literal(&mut roff, section);
    roff.to_writer(page)
}

/// Lines that are neither joined nor filled.
fn literal<'a>(roff: &mut Roff, lines: impl IntoIterator<Item = &'a str>) {
    let lines: Vec<&str> = lines.into_iter().collect();
    if lines.iter().all(|line| line.is_empty()) {
        return;
    }
    roff.control("nf", []);
    for line in lines {
        roff.text([roman(line)]);
    }
    roff.control("fi", []);
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser, Subcommand};

    use super::*;

    /// A program.
    #[derive(Parser)]
    #[command(
        name = "prog",
        after_long_help = "Files:\n  .hidden  a file\n  'x'      another"
    )]
    struct Args {
        #[command(subcommand)]
        command: Option<Sub>,
        /// What both have.
        #[arg(long)]
        both: bool,
    }

    #[derive(Subcommand)]
    enum Sub {
        /// Look closely.
        Look {
            /// What both have.
            #[arg(long)]
            both: bool,
            /// How deep.
            #[arg(long, help_heading = "Depth")]
            deep: bool,
        },
    }

    #[test]
    fn the_page_has_all_commands_options_and_texts() {
        let page = String::from_utf8(page(Args::command()).unwrap()).unwrap();
        for part in [
            ".SH SYNOPSIS",
            ".SH \"OPTIONS OF LOOK\"",
            "Look closely",
            "\\-\\-deep",
            "Also, as above: \\fB\\-\\-both\\fR",
            ".SH FILES\n.nf",
            // A line that begins with a dot would be a command of roff.
            "\\&.hidden  a file",
        ] {
            assert!(page.contains(part), "no {part:?} in: {page}");
        }
        assert!(
            !page.contains("prog\\-look(1)") && !page.contains("EXTRA"),
            "{page}"
        );
        assert_eq!(page.matches("How deep").count(), 1);
    }
}
