//! Images end to end: into layouts and registries, read by other people's tools, and back out.
#![expect(clippy::unwrap_used, reason = "tests")]

mod artifacts;
mod double;
mod faults;
mod fetching;
mod layouts;
mod registries;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use registry::{
    Client, Digest, Image, LayerBuilder, Options, Platform, Recipe, Reference, RetryPolicy,
};

/// A client that gives up on a transient failure within a second and waits for milliseconds only.
fn client() -> Client {
    client_with(Options::default())
}

fn client_with(options: Options) -> Client {
    let retry = RetryPolicy {
        budget: Duration::from_secs(5),
        first_pause: Duration::from_millis(5),
        longest_pause: Duration::from_millis(50),
        most_attempts: 6,
    };
    Client::new(Options { retry, ..options })
}

/// A model file of `size` bytes that no compressor makes small.
fn model_file(folder: &Path, size: usize) -> (PathBuf, Digest) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let bytes: Vec<u8> = (0..size)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state as u8
        })
        .collect();
    let path = folder.join("model.onnx");
    fs::write(&path, &bytes).unwrap();
    (path, Digest::of(&bytes))
}

/// A recipe of one model at `/models/model.onnx` and nothing else.
fn recipe_of(model: &Path) -> Recipe {
    let layer = LayerBuilder::new().file("/models/model.onnx", model).unwrap().build().unwrap();
    let digest = layer.files()[0].digest.clone();
    Recipe {
        layers: vec![layer],
        model: Some(("/models/model.onnx".to_owned(), digest)),
        user: Some("65532".to_owned()),
        entrypoint: Some(vec!["/scorer".to_owned()]),
        env: [("HEADGATE_MODEL".to_owned(), "/models/model.onnx".to_owned())].into(),
        ..Recipe::new("linux/amd64".parse::<Platform>().unwrap())
    }
}

fn image_of(model: &Path) -> Image {
    recipe_of(model).assemble().unwrap()
}

fn reference(text: impl AsRef<str>) -> Reference {
    text.as_ref().parse().unwrap()
}

/// Runs a tool that other people wrote and gives its stdout; a missing tool fails the test.
fn tool(package: &str, program: &str, args: &[&str]) -> String {
    let output = Command::new(program).args(args).output().unwrap_or_else(|error| {
        panic!("{program} does not run ({error}): apt-get install {package}")
    });
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {args:?}: {stderr}");
    String::from_utf8(output.stdout).unwrap()
}
