fn main() -> std::process::ExitCode {
    contract::main::<train_linear::TrainLinear>()
}
