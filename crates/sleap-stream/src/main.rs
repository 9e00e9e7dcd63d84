use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    // First, while the process has a single thread: it sets environment variables.
    vision::silence_native_logs();
    let args = sleap_stream::Args::parse();
    cli::init_logging(args.verbose);
    let config = match sleap_stream::Config::try_from(args) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("error: {error:#}");
            return cli::Exit::Usage.into();
        }
    };
    cli::report(sleap_stream::main(config))
}
