fn main() -> std::process::ExitCode {
    contract::main::<build_image::BuildImage>()
}
