//! The bytes of a layer, whatever it is made of.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;

fn archive(layer: &Layer) -> Vec<u8> {
    let mut out = Vec::new();
    layer.reader().read_to_end(&mut out).unwrap();
    out
}

fn names(layer: &Layer) -> Vec<String> {
    let bytes = archive(layer);
    let mut at = 0;
    let mut names = Vec::new();
    while bytes[at] != 0 {
        let end = bytes[at..].iter().position(|&byte| byte == 0).unwrap();
        names.push(String::from_utf8(bytes[at..at + end].to_vec()).unwrap());
        let octal = std::str::from_utf8(&bytes[at + 124..at + 135]).unwrap();
        let size = usize::from_str_radix(octal, 8).unwrap();
        at += 512 + size.next_multiple_of(512);
    }
    names
}

#[test]
fn the_digests_are_those_of_the_bytes_that_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let model = dir.path().join("model");
    fs::write(&model, vec![7; 700_001]).unwrap();
    let layer = LayerBuilder::new().file("/models/model.onnx", &model).unwrap().build().unwrap();
    let bytes = archive(&layer);
    assert_eq!(*layer.digest(), Digest::of(&bytes));
    assert_eq!(layer.size(), bytes.len() as u64);
    assert_eq!(layer.files()[0].digest, Digest::of(&vec![7; 700_001]));
    assert_eq!(names(&layer), ["models/", "models/model.onnx"]);
}

#[test]
fn order_of_adding_and_time_stamps_do_not_count() {
    let dir = tempfile::tempdir().unwrap();
    let (one, two) = (dir.path().join("one"), dir.path().join("two"));
    fs::write(&one, "1").unwrap();
    fs::write(&two, "2").unwrap();
    let build = |first: (&str, &Path), second: (&str, &Path)| {
        LayerBuilder::new()
            .file(first.0, first.1)
            .and_then(|layer| layer.file(second.0, second.1))
            .and_then(LayerBuilder::build)
            .unwrap()
    };
    let forth = build(("/b/two", &two), ("/a/one", &one));
    let file = File::options().write(true).open(&one).unwrap();
    file.set_modified(std::time::UNIX_EPOCH).unwrap();
    let back = build(("/a/one", &one), ("/b/two", &two));
    assert_eq!(forth.digest(), back.digest());
    assert_eq!(names(&forth), ["a/", "a/one", "b/", "b/two"]);
}

#[test]
fn a_folder_is_added_with_everything_beneath_it() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir_all(dir.path().join("certs/deep")).unwrap();
    fs::write(dir.path().join("certs/deep/ca.pem"), "pem").unwrap();
    fs::create_dir(dir.path().join("certs/empty")).unwrap();
    let source = dir.path().join("certs");
    let layer = LayerBuilder::new().tree("/etc/certs", &source).unwrap().build().unwrap();
    let expected =
        ["etc/", "etc/certs/", "etc/certs/deep/", "etc/certs/deep/ca.pem", "etc/certs/empty/"];
    assert_eq!(names(&layer), expected);
}

#[test]
fn programs_stay_executable() {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("scorer");
    fs::write(&program, "#!").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
    let layer = LayerBuilder::new().file("/scorer", &program).unwrap().build().unwrap();
    assert_eq!(layer.files()[0].mode, 0o755);
    let layer = LayerBuilder::new().data("/scorer", &program).unwrap().build().unwrap();
    assert_eq!(layer.files()[0].mode, 0o644);
}

#[test]
fn a_file_that_shrinks_is_an_error_and_not_a_shorter_layer() {
    let dir = tempfile::tempdir().unwrap();
    let model = dir.path().join("model");
    fs::write(&model, vec![7; 5000]).unwrap();
    let layer = LayerBuilder::new().file("/m", &model).unwrap().build().unwrap();
    fs::write(&model, "short").unwrap();
    let error = layer.reader().read_to_end(&mut Vec::new()).unwrap_err();
    assert!(error.to_string().contains("shrank"), "{error}");
}

#[test]
fn paths_that_leave_the_image_or_hide_files_are_refused() {
    let file = tempfile::NamedTempFile::new().unwrap();
    for path in ["models/m", "/", "/../etc/passwd", "/a//b", "/a/./b", "/.wh.models", "/a\0"] {
        assert!(LayerBuilder::new().file(path, file.path()).is_err(), "{path}");
    }
    let twice = LayerBuilder::new().file("/a", file.path()).unwrap();
    assert!(twice.file("/a", file.path()).is_err());
    let both = LayerBuilder::new().file("/a", file.path()).unwrap();
    assert!(both.file("/a/b", file.path()).is_err());
}
