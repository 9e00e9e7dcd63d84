#![warn(clippy::print_stdout, clippy::print_stderr)]

use std::process::ExitCode;

use cli::settings::ParsedArgs;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    if cli::program_info::is_version_alone() {
        return cli::report(sleap_worker::print_version());
    }
    vision::silence_native_logs();
    let command = sleap_worker::command();
    let ParsedArgs { args, settings } =
        cli::settings::parse::<sleap_worker::Args>(&sleap_worker::SETTINGS, command);
    if let Err(error) = args.check() {
        cli::end_with(error);
    }
    args.init_logging();
    settings.log(&sleap_worker::SETTINGS);
    cli::report(sleap_worker::main(args, &settings))
}
