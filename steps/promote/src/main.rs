fn main() -> std::process::ExitCode {
    contract::main::<promote::Promote>()
}
