fn main() -> std::process::ExitCode {
    canary_gate::main()
}
