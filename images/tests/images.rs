//! What an image promises: its digest hangs on its files alone, and its program runs in it alone.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use images::assemble::{Shelf, Surroundings, assemble};
use images::catalogue::{CATALOGUE, Entry};
use registry::{Client, Options, Reference, blocking};
use testkit::rootfs::Rootfs;

fn root() -> PathBuf {
    testkit::root().to_path_buf()
}

fn entry(name: &str) -> &'static Entry {
    CATALOGUE.iter().find(|entry| entry.name == name).unwrap()
}

/// Copies of all inputs in a folder of their own, with other times and modes than the originals.
fn inputs(folder: &Path, programs: &[&Path]) -> (Surroundings, Vec<PathBuf>) {
    let copy = |from: &Path, to: &Path| {
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(from, to).unwrap();
        fs::File::options().write(true).open(to).unwrap().set_modified(SystemTime::now()).unwrap();
    };
    let certificates = folder.join("certificates.pem");
    fs::write(&certificates, "no certificate, only bytes").unwrap();
    let library = std::env::var_os("ORT_DYLIB_PATH")
        .map_or_else(|| root().join("target/onnxruntime/libonnxruntime.so"), PathBuf::from);
    let engine = folder.join("engine");
    copy(&library, &engine.join("libonnxruntime.so"));
    for paper in ["LICENSE", "ThirdPartyNotices.txt"] {
        fs::write(engine.join(paper), paper).unwrap();
    }
    let license = folder.join("LICENSE");
    copy(&root().join("LICENSE"), &license);
    let programs = programs.iter().map(|program| {
        let to = folder.join(program.file_name().unwrap());
        copy(program, &to);
        to
    });
    let programs = programs.collect();
    (Surroundings { certificates, engine, license, version: "1.2.3".to_owned() }, programs)
}

#[test]
fn every_step_and_the_scorer_have_an_image_with_the_words_of_their_package() {
    let steps = fs::read_dir(root().join("steps")).unwrap().map(|step| step.unwrap().path());
    let steps = steps.filter(|step| step.join("Cargo.toml").is_file());
    let packages: Vec<PathBuf> = steps.chain([root().join("scorer")]).collect();
    let named: BTreeSet<String> = CATALOGUE.iter().map(|entry| entry.name.to_owned()).collect();
    for package in packages {
        let name = package.file_name().unwrap().to_str().unwrap();
        assert!(named.contains(name), "images/src/catalogue.rs: add {name}");
        let manifest = fs::read_to_string(package.join("Cargo.toml")).unwrap();
        let engine = manifest.lines().any(|line| line.starts_with("model."));
        let about = format!("description = \"{}\"", entry(name).about);
        assert!(manifest.contains(&about), "images/src/catalogue.rs: words of {name}");
        assert!(
            !entry(name).engine || engine,
            "images/src/catalogue.rs: {name} does not load models"
        );
    }
}

#[test]
fn the_same_files_give_the_same_digest_at_any_place_and_time() {
    let program = Path::new("/bin/true");
    let build = || {
        let folder = tempfile::tempdir().unwrap();
        let (around, programs) = inputs(folder.path(), &[program]);
        let made =
            assemble(entry("scorer"), &programs, &around, &Shelf::new(folder.path())).unwrap();
        (made.image.digest().clone(), made.packed, made.unpacked)
    };
    let first = build();
    assert_eq!(first, build());
    assert!(first.1 < first.2 && first.2 > 30_000_000, "{first:?}");
}

#[test]
fn the_scorer_runs_with_nothing_but_its_image() {
    let scorer = root().join("target/debug/scorer");
    assert!(scorer.is_file(), "cargo build --workspace --bins comes first, as in `make test`");
    let folder = tempfile::tempdir().unwrap();
    let (around, programs) = inputs(folder.path(), &[&scorer]);
    let made = assemble(entry("scorer"), &programs, &around, &Shelf::new(folder.path())).unwrap();
    let layout = folder.path().join("layout");
    let to: Reference = format!("oci:{}:test", layout.display()).parse().unwrap();
    blocking::publish(&Client::new(Options::default()), &made.image, &to, &[]).unwrap();

    let inside = Rootfs::unpack(&layout, "test", &folder.path().join("bundle")).unwrap();
    let process = &inside.process;
    assert_eq!(process["args"], serde_json::json!(["/usr/local/bin/scorer"]));
    assert_eq!((&process["user"]["uid"], &process["user"]["gid"]), (&65532.into(), &65532.into()));
    assert_eq!(process["cwd"], "/empty", "a model finds nothing by a relative path");
    assert_eq!(fs::read_dir(inside.folder.join("empty")).unwrap().count(), 0);
    assert!(process["env"].to_string().contains("\"ORT_DISABLE_TELEMETRY=1\""), "{process}");
    let modes = fs::metadata(inside.folder.join("tmp")).unwrap().permissions();
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&modes) & 0o7777, 0o1777);

    fs::copy(root().join("demo/shuttle/schema.json"), inside.folder.join("schema.json")).unwrap();
    let args = ["--stream=shuttle", "--schema=/schema.json", "--brokers=localhost:1"];
    let more = ["--kafka-timeout=1s", "--http=127.0.0.1:0"];
    let ended = inside.run("/usr/local/bin/scorer", &[&args[..], &more].concat()).unwrap();
    let said = String::from_utf8_lossy(&ended.stderr);
    // 75: the engine was opened and the broker asked for, in vain.
    assert_eq!(ended.status.code(), Some(75), "{said}");
}
