fn main() -> std::process::ExitCode {
    contract::main::<detect_drift::DetectDrift>()
}
