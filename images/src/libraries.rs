//! The shared libraries that programs need, as the machine's loader finds them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

/// The variable by which a loader looks into folders that it does not know by itself.
pub const SEARCHED: &str = "LD_LIBRARY_PATH";

/// Absolute paths of the libraries and the loader that `files` need; empty for static programs.
///
/// # Errors
/// `ldd` does not run, or does not find one of them.
pub fn of(files: &[PathBuf]) -> anyhow::Result<BTreeSet<PathBuf>> {
    let mut all = BTreeSet::new();
    for file in files {
        let mut ldd = Command::new("ldd");
        // cargo runs a program with the folders of its build scripts in this variable, and librdkafka's has a shared
        // library of its own in it: an image must not depend on who makes it, and holds what the machine has installed.
        ldd.arg(file).env("LC_ALL", "C").env_remove(SEARCHED).env_remove("LD_PRELOAD");
        let listed = ldd.output().context("run ldd")?;
        let text = String::from_utf8_lossy(&listed.stdout).into_owned()
            + &String::from_utf8_lossy(&listed.stderr);
        all.extend(parse(&text, file)?);
    }
    Ok(all)
}

/// What [`SEARCHED`] has to be in an image that holds `libraries` at their paths; nothing where there are none.
///
/// The machine's loader finds them with its cache, which an image has not; without it a loader looks into a few folders
/// only, and which these are differs between distributions.
pub fn search_path(libraries: &BTreeSet<PathBuf>) -> Option<String> {
    // The loader itself is named by each program with its whole path.
    let is_loader = |path: &&PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("ld-"))
    };
    let others = libraries.iter().filter(|path| !is_loader(path));
    let folders: BTreeSet<_> = others.filter_map(|path| path.parent()?.to_str()).collect();
    (!folders.is_empty()).then(|| folders.into_iter().collect::<Vec<_>>().join(":"))
}

fn parse(listing: &str, file: &Path) -> anyhow::Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    for line in listing.lines().map(str::trim) {
        ensure!(!line.contains("not found"), "{} needs a library: {line}", file.display());
        let place = line.split_once(" => ").map_or(line, |(_, place)| place);
        let place = place.split(" (").next().unwrap_or_default();
        if place.starts_with('/') && !place.ends_with(':') {
            found.insert(PathBuf::from(place));
        }
    }
    let fixed = ["statically linked", "not a dynamic executable"];
    ensure!(
        !found.is_empty() || fixed.iter().any(|words| listing.contains(words)),
        "ldd does not understand {}: {}",
        file.display(),
        listing.trim()
    );
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn what_ldd_lists() {
        let file = Path::new("/bin/x");
        let listing = "\tlinux-vdso.so.1 (0x00007faf22925000)\n\
            \tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007faf21b20000)\n\
            \t/lib64/ld-linux-x86-64.so.2 (0x00007faf22927000)\n";
        let found: Vec<_> = parse(listing, file).unwrap().into_iter().collect();
        let expected = ["/lib/x86_64-linux-gnu/libm.so.6", "/lib64/ld-linux-x86-64.so.2"];
        assert_eq!(found, expected.map(PathBuf::from));
        assert!(parse("\tstatically linked\n", file).unwrap().is_empty());
        assert!(parse("\tlibq.so => not found\n", file).is_err());
        assert!(parse("ldd: exited with unknown exit code (127)\n", file).is_err());
    }

    #[test]
    fn an_image_says_where_its_libraries_lie() {
        let paths = [
            "/lib64/ld-linux-x86-64.so.2",
            "/lib/x86_64-linux-gnu/libc.so.6",
            "/usr/local/lib/librdkafka.so.1",
            "/lib/x86_64-linux-gnu/libm.so.6",
        ];
        let path = search_path(&paths.map(PathBuf::from).into());
        assert_eq!(path.as_deref(), Some("/lib/x86_64-linux-gnu:/usr/local/lib"));
        assert_eq!(search_path(&BTreeSet::new()), None);
        assert_eq!(search_path(&[PathBuf::from("/lib/ld-linux-aarch64.so.1")].into()), None);
    }
}
