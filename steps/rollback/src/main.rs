fn main() -> std::process::ExitCode {
    contract::main::<rollback::Rollback>()
}
