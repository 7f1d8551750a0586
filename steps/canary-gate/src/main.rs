fn main() -> std::process::ExitCode {
    contract::main::<canary_gate::CanaryGate>()
}
