use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // First, while the process has a single thread: it sets environment variables.
    vision::silence_native_logs();
    let args = sleap_worker::Args::parse();
    if let Err(error) = args.check() {
        error.exit();
    }
    args.init_logging();
    cli::report(sleap_worker::main(args))
}
