fn main() -> std::process::ExitCode {
    contract::main::<conclude::Conclude>()
}
