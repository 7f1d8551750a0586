//! The house: where CONTRIBUTING says that a thing goes is the only place of its kind.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use pipeline_tests::root;

/// Rust files below `folder` that are shipped: neither tests nor what only tests use.
fn shipped(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() {
            if !["target", "tests", "testkit"].contains(&name) {
                shipped(&path, found);
            }
        } else if name.ends_with(".rs") && !name.ends_with("tests.rs") {
            found.push(path);
        }
    }
}

/// Code without comments and without the unit tests at its end.
fn code(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap();
    let shipped = text.split("\n#[cfg(test)]\nmod ").next().unwrap();
    let lines = shipped.lines().filter(|line| !line.trim_start().starts_with("//"));
    lines.collect::<Vec<_>>().join("\n")
}

/// Every shipped file with its code.
fn sources() -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for room in ["contract/src", "crates", "scorer/src", "steps", "images/src"] {
        shipped(&root().join(room), &mut files);
    }
    assert!(files.len() > 300, "only {} files were found", files.len());
    let relative = |path: &Path| path.strip_prefix(root()).unwrap().to_owned();
    files.iter().map(|path| (relative(path), code(path))).collect()
}

#[test]
fn only_the_stream_knows_how_its_topics_are_called() {
    let suffixes = ["}.features\"", "}.predictions\"", "}.labels\"", "}.dead-letters\""];
    for (path, code) in sources() {
        let knows = suffixes.iter().any(|suffix| code.contains(suffix));
        let home = path.starts_with("crates/stream");
        assert!(home || !knows, "{}: take the name from stream::Topics", path.display());
    }
}

#[test]
fn only_routes_reads_routes() {
    for (path, code) in sources() {
        let home = path.starts_with("crates/routes");
        let reads = code.contains("from_slice::<Route>") || code.contains("read_json::<Route>");
        assert!(home || !reads, "{}: read them by routes::follow", path.display());
    }
}

#[test]
fn steps_move_traffic_only_through_its_seam() {
    let direct = ["Routes::", "Scorers::", "Follower::", "routes::read(", "routes::standing("];
    let steps = sources().into_iter().filter(|(path, _)| path.starts_with("steps"));
    let mut through = 0;
    for (path, code) in steps {
        let found = direct.iter().find(|name| code.contains(**name));
        assert_eq!(found, None, "{}: ask routes::traffic::of(context)", path.display());
        through += usize::from(code.contains("routes::traffic::of("));
    }
    assert!(through >= 4, "only {through} files of steps ask for traffic");
}

#[test]
fn a_record_format_is_one_file() {
    let folder = root().join("crates/stream/src/format");
    let files: BTreeSet<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|name| name != "mod")
        .collect();
    let formats = stream::Format::ALL.iter();
    let names = formats.map(|format| serde_json::to_value(format).unwrap());
    assert_eq!(files, names.map(|name| name.as_str().unwrap().to_owned()).collect());
}

#[test]
fn nothing_that_is_shipped_depends_on_the_testkit() {
    let mut manifests = 0;
    for (path, _) in sources() {
        if !path.ends_with("src/lib.rs") {
            continue;
        }
        let manifest = root().join(path).parent().unwrap().with_file_name("Cargo.toml");
        let text = std::fs::read_to_string(&manifest).unwrap();
        let mut table = "";
        for line in text.lines() {
            if line.starts_with('[') {
                table = line;
            }
            // Not behind a feature either.
            let named = line.contains("testkit") || line.contains("testing");
            assert!(table == "[dev-dependencies]" || !named, "{}: {line}", manifest.display());
        }
        manifests += 1;
    }
    assert!(manifests > 20, "only {manifests} crates were found");
}
