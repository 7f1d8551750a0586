//! Files that are no models, or not the models that they seem to be: none passes for what it is not, and none makes
//! the reading fall over.

#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use model::{Kind, LoadError, Model};
use stats::random::Random;

fn sample(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("samples").join(name).with_extension("onnx")
}

/// A length-delimited field of a protobuf message.
fn field(number: u64, content: &[u8]) -> Vec<u8> {
    let varint = |mut number: u64| {
        let mut bytes = Vec::new();
        while number > 0x7f {
            bytes.push(number as u8 | 0x80);
            number >>= 7;
        }
        bytes.push(number as u8);
        bytes
    };
    [&varint(number << 3 | 2)[..], &varint(content.len() as u64), content].concat()
}

/// `y = operator(x)` with names of the caller's choice.
fn model(operator: &[u8], input: &[u8], output: &[u8]) -> Vec<u8> {
    let port = |name: &[u8]| {
        let dimension = |name: &[u8]| field(1, &field(2, name));
        let shape = [dimension(b"N"), field(1, &[8, 1])].concat();
        let tensor = [&[8, 1][..], &field(2, &shape)].concat();
        [field(1, name), field(2, &field(1, &tensor))].concat()
    };
    let node = [field(1, input), field(2, output), field(4, operator)].concat();
    let graph =
        [field(1, &node), field(2, b"g"), field(11, &port(input)), field(12, &port(output))];
    [&[8, 8][..], &field(7, &graph.concat()), &field(8, &[&field(1, b"")[..], &[16, 13]].concat())]
        .concat()
}

fn dice(random: &mut Random, below: usize) -> usize {
    (random.bits() % below as u64) as usize
}

#[test]
fn what_is_no_onnx_is_called_none_and_is_not_loaded() {
    let linear = fs::read(sample("linear")).unwrap();
    let gzip = [&b"\x1f\x8b\x08\0\0\0\0\0\0\x03"[..], &[0; 2000]].concat();
    let safetensors = [&9_u64.to_le_bytes()[..], br#"{"a":{}}1"#].concat();
    let mut zip_behind = linear.clone();
    zip_behind.extend_from_slice(b"PK\x05\x06\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    let mut engines_own = linear.clone();
    engines_own[4..8].copy_from_slice(b"ORTM");
    // Protobuf of another schema: a TensorFlow SavedModel begins so, a text of one field, and a Caffe net.
    let saved_model = [&[8, 1][..], &field(2, &field(2, &linear))].concat();
    let files: Vec<(&str, Vec<u8>)> = vec![
        ("empty", vec![]),
        ("zeros", vec![0; 100_000]),
        ("pickle", b"\x80\x04\x95\x05\0\0\0\0\0\0\0]\x94.".to_vec()),
        ("old pickle", b"cos\nsystem\n(S'true'\ntR.".to_vec()),
        ("pickle with a model behind it", [b"\x80\x04\x95.", &linear[..]].concat()),
        ("zip", b"PK\x03\x04\x14\0\0\0".to_vec()),
        ("zip with a model in it", [b"PK\x03\x04", &linear[..]].concat()),
        ("a model with a zip behind it", zip_behind),
        ("a model with a model behind it", linear.repeat(2)),
        ("a model with zeros behind it", [&linear[..], &[0; 16]].concat()),
        ("gzip", gzip),
        ("safetensors", safetensors),
        ("gguf", [&b"GGUF\x03\0\0\0"[..], &[0; 16]].concat()),
        ("html", b"<!DOCTYPE html><html><body>sign in</body></html>".to_vec()),
        ("json", br#"{"error":"not found"}"#.to_vec()),
        ("program", fs::read("/proc/self/exe").unwrap()),
        ("numpy", b"\x93NUMPY\x01\0v\0{'descr'".to_vec()),
        ("hdf5", b"\x89HDF\r\n\x1a\n\0\0".to_vec()),
        ("pdf", b"%PDF-1.7".to_vec()),
        ("pointer", b"version https://git-lfs.github.com/spec/v1\n".to_vec()),
        ("text", b"onnx\n".repeat(1000)),
        ("the engine's own format", engines_own),
        ("saved model", saved_model),
        ("a tensor", [&[8, 2, 16, 1][..], &field(9, &[0; 8])].concat()),
        ("a graph without its model", field(1, b"node")),
    ];
    for (name, bytes) in files {
        let kind = Kind::of(&bytes[..]).unwrap();
        assert_ne!(kind, Kind::Onnx, "{name}");
        let error = Model::from_bytes(&bytes).unwrap_err();
        assert!(matches!(error, LoadError::NotOnnx { .. }), "{name}: {error}");
    }
}

#[test]
fn no_truncation_passes_for_the_model() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["linear", "three-classes", "columns"] {
        let file = fs::read(sample(name)).unwrap();
        let wanted = model::digest(&sample(name)).unwrap().sha256;
        let cut = |length: &usize| Kind::of(&file[..*length]).unwrap() == Kind::Onnx;
        let models: Vec<usize> = (0..file.len()).filter(cut).collect();
        // A cut between the last two fields leaves a whole model, which is another one.
        assert!(models.len() <= 1, "{name}: {models:?}");
        for length in models {
            let path = folder.path().join(name);
            fs::write(&path, &file[..length]).unwrap();
            let error = Model::load_as(&path, &wanted).unwrap_err();
            assert!(matches!(error, LoadError::OtherFile { .. }), "{name}: {error}");
        }
    }
}

#[test]
fn no_change_of_bytes_makes_the_engine_fall_over() {
    let mut state = Random::seeded(11);
    let (mut loaded, mut refused) = (0, 0);
    for name in ["linear", "three-classes", "regressor", "zipmap"] {
        let file = fs::read(sample(name)).unwrap();
        for _ in 0..250 {
            let mut mutant = file.clone();
            for _ in 0..=dice(&mut state, 3) {
                let place = dice(&mut state, mutant.len());
                mutant[place] = dice(&mut state, 256) as u8;
            }
            match Model::from_bytes(&mutant) {
                Ok(_) => loaded += 1,
                Err(_) => refused += 1,
            }
        }
    }
    assert!(loaded > 0 && refused > 0, "{loaded} loaded, {refused} refused");
}

#[test]
fn a_file_that_is_swapped_while_it_is_read_is_never_taken_for_another() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let files = ["linear", "regressor"].map(|name| fs::read(sample(name)).unwrap());
    let wanted = model::digest(&sample("linear")).unwrap().sha256;
    fs::write(&path, &files[0]).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let other = folder.path().join("other");
            for turn in 1.. {
                if done.load(Ordering::Relaxed) {
                    break;
                }
                // By another file in its place, and by other bytes in the same file.
                if turn % 2 == 0 {
                    fs::write(&other, &files[turn / 2 % 2]).unwrap();
                    fs::rename(&other, &path).unwrap();
                } else {
                    fs::write(&path, &files[turn / 2 % 2]).unwrap();
                }
            }
        });
        for _ in 0..200 {
            match Model::load_as(&path, &wanted) {
                // The other one gives no labels.
                Ok(mut model) => {
                    assert!(model.answer(&[50.0, 2.0], 1).unwrap().labels.is_some());
                }
                Err(LoadError::OtherFile { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn names_of_any_length_and_content_leave_the_crate_short_and_plain() {
    let hostile = b"\x1b[2J\n\0\xe2\x80\xae<script>".repeat(50_000);
    let large = b"n".repeat(30_000_000);
    let plain = |text: &str| {
        assert!(text.len() < 10_000, "{} bytes", text.len());
        let bad = text.chars().find(|character| character.is_control() || *character == '\u{202e}');
        assert_eq!(bad, None, "{text}");
    };
    for name in [&hostile[..], &large[..1_000_000], &large] {
        let unknown = Model::from_bytes(&model(name, b"x", b"y")).unwrap_err();
        plain(&unknown.to_string());
        match Model::from_bytes(&model(b"Identity", name, b"y")) {
            Ok(loaded) => plain(&format!("{} {:?}", loaded.inputs()[0], loaded.inputs())),
            Err(error) => plain(&error.to_string()),
        }
        match Model::from_bytes(&model(b"Identity", b"x", name)) {
            Ok(loaded) => plain(&format!("{} {:?}", loaded.outputs()[0], loaded.outputs())),
            Err(error) => plain(&error.to_string()),
        }
    }
    let named = Model::from_bytes(&model(b"Identity", b"a name", b"y")).unwrap();
    assert_eq!(named.inputs()[0].to_string(), "`a name` float32[N, 1]");
}
