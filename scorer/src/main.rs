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
    // The scorer runs itself a second time for a candidate, which must not be able to stop it.
    if std::env::args_os().nth(1).is_some_and(|arg| arg == scorer::ANSWER) {
        return scorer::answer_for_candidate();
    }
    let args = scorer::Args::parse();
    let run = || {
        contract::logging::init(&args.log)?;
        scorer::run(&args, &Stop::on_signals()?)
    };
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", fault::render(&error));
            ExitCode::from(fault::exit_code(&error))
        }
    }
}
