use std::process::ExitCode;

use cli::settings::Parsed;

fn main() -> ExitCode {
    // First, while the process has a single thread: it sets environment variables.
    vision::silence_native_logs();
    let command = sleap_stream::command();
    let Parsed { args, settings } =
        cli::settings::parse::<sleap_stream::Args>(&sleap_stream::SETTINGS, command);
    args.init_logging();
    if let Some(command) = args.command {
        return cli::report(sleap_stream::run_command(command, &settings));
    }
    let config = match sleap_stream::Config::try_from(args) {
        Ok(config) => config,
        Err(error) => {
            cli::say_error(format_args!("{error:#}"));
            return cli::Exit::Usage.into();
        }
    };
    cli::report(sleap_stream::main(config))
}
