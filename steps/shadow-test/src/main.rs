fn main() -> std::process::ExitCode {
    contract::main::<shadow_test::ShadowTest>()
}
