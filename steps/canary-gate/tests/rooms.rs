//! The rooms of the source say what may be touched in them, and hold it.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::path::{Path, PathBuf};

/// The code of a room without tests and comments, by file.
fn files(folder: &Path) -> Vec<(PathBuf, String)> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(self::files(&path));
            continue;
        }
        let name = path.file_stem().unwrap().to_str().unwrap();
        let is_test = name.contains("test") || ["random_streams", "simulations"].contains(&name);
        if !is_test {
            let text = fs::read_to_string(&path).unwrap();
            let code = text.split("#[cfg(test)]").next().unwrap().lines();
            let code = code.filter(|line| !line.trim_start().starts_with("//"));
            files.push((path, code.collect::<Vec<_>>().join("\n")));
        }
    }
    files
}

fn assert_without(room: &str, words: &[&str]) {
    let files = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(room));
    assert!(files.len() > 1, "{room} has moved");
    for (path, code) in files {
        let found: Vec<&&str> = words.iter().filter(|word| code.contains(**word)).collect();
        assert!(found.is_empty(), "{} uses {found:?}", path.display());
    }
}

#[test]
fn policy_and_records_are_pure() {
    for room in ["policy", "records"] {
        let io =
            ["Instant", "SystemTime", "fs::", "regular_file", "kafka::Kafka", "Reader", "std::env"];
        assert_without(room, &io);
        assert_without(
            room,
            &["crate::io", "crate::history", "crate::run", "crate::decision_record"],
        );
    }
}

#[test]
fn nobody_below_the_loop_knows_it() {
    for room in ["io", "history"] {
        assert_without(room, &["crate::run", "crate::decision_record"]);
    }
    assert_without("history", &["crate::io"]);
    assert_without("run", &["crate::decision_record"]);
}
