use std::process::ExitCode;

fn main() -> ExitCode {
    // The step runs itself a second time to ask a model: a crash or a leak of the engine is then a finding.
    if std::env::args_os().nth(1).is_some_and(|arg| arg == validate_model::PROBE) {
        return validate_model::probe();
    }
    contract::main::<validate_model::ValidateModel>()
}
