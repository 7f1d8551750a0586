//! The shared libraries that programs need, as the machine's loader finds them.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};

/// Absolute paths of the libraries and the loader that `files` need; empty for static programs.
///
/// # Errors
/// `ldd` does not run, or does not find one of them.
pub fn of(files: &[PathBuf]) -> anyhow::Result<BTreeSet<PathBuf>> {
    let mut all = BTreeSet::new();
    for file in files {
        let told = Command::new("ldd").arg(file).env("LC_ALL", "C").output().context("run ldd")?;
        let text = String::from_utf8_lossy(&told.stdout).into_owned()
            + &String::from_utf8_lossy(&told.stderr);
        all.extend(parse(&text, file)?);
    }
    Ok(all)
}

fn parse(told: &str, file: &Path) -> anyhow::Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    for line in told.lines().map(str::trim) {
        ensure!(!line.contains("not found"), "{} needs a library: {line}", file.display());
        let place = line.split_once(" => ").map_or(line, |(_, place)| place);
        let place = place.split(" (").next().unwrap_or_default();
        if place.starts_with('/') && !place.ends_with(':') {
            found.insert(PathBuf::from(place));
        }
    }
    let fixed = ["statically linked", "not a dynamic executable"];
    ensure!(
        !found.is_empty() || fixed.iter().any(|words| told.contains(words)),
        "ldd does not understand {}: {}",
        file.display(),
        told.trim()
    );
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn what_ldd_tells() {
        let file = Path::new("/bin/x");
        let told = "\tlinux-vdso.so.1 (0x00007faf22925000)\n\
            \tlibm.so.6 => /lib/x86_64-linux-gnu/libm.so.6 (0x00007faf21b20000)\n\
            \t/lib64/ld-linux-x86-64.so.2 (0x00007faf22927000)\n";
        let found: Vec<_> = parse(told, file).unwrap().into_iter().collect();
        let expected = ["/lib/x86_64-linux-gnu/libm.so.6", "/lib64/ld-linux-x86-64.so.2"];
        assert_eq!(found, expected.map(PathBuf::from));
        assert!(parse("\tstatically linked\n", file).unwrap().is_empty());
        assert!(parse("\tlibq.so => not found\n", file).is_err());
        assert!(parse("ldd: exited with unknown exit code (127)\n", file).is_err());
    }
}
