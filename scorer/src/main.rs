//! The scorer's program: flags, logs and the exit code.

use std::process::ExitCode;

use clap::Parser;
use contract::stop::Stop;
use mimalloc::MiMalloc;

// librdkafka allocates the parts of a record on one thread and frees them on another, where glibc's allocator takes
// locks and gives the memory to other threads in turns; with its `override` feature this one answers C code too.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[expect(clippy::print_stderr, reason = "the one place where an error is rendered for people")]
fn main() -> ExitCode {
    let args = scorer::Args::parse();
    let run = || {
        contract::logging::init(&args.log)?;
        scorer::run(&args, &Stop::on_signals()?)
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", contract::fault::render(&error));
            ExitCode::from(contract::fault::exit_code(&error))
        }
    }
}
