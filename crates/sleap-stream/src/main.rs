#![warn(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;

use cli::settings::ParsedArgs;

fn main() -> ExitCode {
    if cli::program_info::is_version_alone() {
        return cli::report(sleap_stream::print_version());
    }
    vision::silence_native_logs();
    let command = sleap_stream::command();
    let ParsedArgs { args, settings } =
        cli::settings::parse::<sleap_stream::Args>(&sleap_stream::SETTINGS, command);
    if let Err(error) = args.check() {
        cli::end_with(error);
    }
    args.init_logging();
    settings.log(&sleap_stream::SETTINGS);
    if let Some(command) = args.command {
        return cli::report(sleap_stream::run_command(command, &settings, args.verbose));
    }
    if args.sending.send_file.is_some() {
        return match sleap_stream::SendConfig::try_from(args) {
            Ok(config) => cli::report(sleap_stream::run_send_file(config)),
            Err(error) => usage(&error),
        };
    }
    match sleap_stream::RunConfig::try_from(args) {
        Ok(config) => cli::report(sleap_stream::run_stream(config)),
        Err(error) => usage(&error),
    }
}

fn usage(error: &anyhow::Error) -> ExitCode {
    cli::say_error(error);
    cli::ExitStatus::Usage.into()
}
